"""The command tree as plain data, for the reference page and the completion scripts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cictl.cli.app.main import COMMANDS, build_program

_OPTIONS = {
    "--output": "formats",
    "--status": "statuses",
    "--state": "notification-states",
    "--agent": "agents",
    "--project": "projects",
    "--pipeline": "pipeline-names",
    "--run": "runs",
    "--context": "contexts",
}
"""What an option takes, by its long name."""

_ARGUMENTS = {
    "AGENT": "agents",
    "PROJECT": "projects",
    "PIPELINE": "pipelines",
    "CHAIN": "chains",
    "TARGET": "targets",
    "JOB": "jobs",
    "RUN": "runs",
    "RUN|JOB|PROJECT": "runs",
    "SCHEDULE": "schedules",
    "CONNECTION": "vault-connections",
    "CONTEXT": "contexts",
    "SHELL": "shells",
    "METHOD": "methods",
}
"""What an argument is, by its metavar."""


@dataclass(frozen=True)
class Parameter:
    """An option or an argument.

    Attributes:
        words: `-o`, `--output`; of an argument, its metavar.
        takes_value: An option that is followed by a value.
        shared: An option that most commands have.
        kind: What a shell can complete here; empty where that is a file's name, or nothing.
        repeats: An argument that may come again.
    """

    words: tuple[str, ...]
    shown: str
    help: str
    takes_value: bool
    is_option: bool
    shared: bool
    kind: str = ""
    repeats: bool = False


@dataclass(frozen=True)
class Node:
    """One command or group; `path` begins with `cictl`."""

    path: str
    usage: str
    summary: str
    help: str
    examples: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    commands: tuple[tuple[str, str], ...]

    @property
    def options(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if p.is_option)

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if not p.is_option)


def command_tree() -> list[Node]:
    """Return every command, parents before children, in the order of the help."""
    return list(_walk(build_program(), "cictl", None))


def _walk(command: Any, name: str, parent: Any) -> Iterator[Node]:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    children = {}
    if hasattr(command, "list_commands"):
        children = {child: command.get_command(context, child) for child in command.list_commands(context)}
    shown = {
        child: found for child, found in children.items() if parent is not None or not COMMANDS[child].is_technical
    }
    yield _node(command, context, {child: _summary(child, found, parent) for child, found in shown.items()})
    for child, found in children.items():
        yield from _walk(found, child, context)


def _summary(name: str, command: Any, parent: Any) -> str:
    return COMMANDS[name].help if parent is None else str(command.get_short_help_str(limit=200))


def _node(command: Any, context: Any, summaries: dict[str, str]) -> Node:
    text, _, inline = inspect.cleandoc(command.help or "").partition("\nExamples:\n")
    examples = [line.strip() for line in (command.epilog or inline).splitlines() if line.strip()]
    return Node(
        path=context.command_path.split(" [")[0],
        usage=" ".join([context.command_path, *command.collect_usage_pieces(context)]),
        summary=str(command.get_short_help_str(limit=200)),
        help=text.strip(),
        examples=tuple(examples),
        parameters=tuple(_parameters(command, context)),
        commands=tuple(summaries.items()),
    )


def _parameters(command: Any, context: Any) -> Iterator[Parameter]:
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record is None:
            continue
        is_option = param.param_type_name == "option"
        # Short ones first; the names of --help come out of a set.
        words = tuple(sorted((*param.opts, *param.secondary_opts), key=len)) if is_option else (record[0],)
        takes_value = is_option and not param.is_flag and not param.count
        yield Parameter(
            words=words,
            shown=record[0],
            help=" ".join(record[1].split()),
            takes_value=takes_value,
            is_option=is_option,
            kind=_option_kind(words, context)
            if takes_value
            else ""
            if is_option
            else _argument_kind(words[0], context),
            repeats=not is_option and "..." in words[0],
            shared=is_option and not param.expose_value and "--yes" not in param.opts,
        )


def _option_kind(words: tuple[str, ...], context: Any) -> str:
    kind = next((_OPTIONS[word] for word in words if word in _OPTIONS), "")
    return "run-statuses" if kind == "statuses" and context.parent.info_name == "runs" else kind


def _argument_kind(metavar: str, context: Any) -> str:
    kind = _ARGUMENTS.get(metavar.strip("[].,"), "")
    group = context.parent.info_name if context.parent else ""
    return "pipeline-targets" if kind == "targets" and group == "pipelines" else kind
