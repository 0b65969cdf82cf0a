"""How commands are declared: shared options on each, plain help with examples at its end, modules loaded on use."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from cictl.cli.app.failures import usage

if TYPE_CHECKING:
    # typer vendors click since 0.26, under a private name; only type checkers look at it here.
    from typer._click import Command as ClickCommand
    from typer._click import Context, HelpFormatter, Parameter

F = TypeVar("F", bound=Callable[..., Any])

_MOST_MEANT = 3
"""So many commands are named instead of a word that is none."""

FORMATS = ("table", "wide", "json", "yaml", "name")
JSON_LINES = "jsonl"
"""What a few commands take besides: one JSON object a line."""


def _store(context: Context, parameter: Parameter, value: Any) -> Any:
    """Keep a shared option's value in the session, where the last one given wins."""
    session = context.find_root().obj
    if value and session is not None and parameter.name is not None:
        session.options[parameter.name] = value
    return value


def _option(*declarations: str, **settings: Any) -> TyperOption:
    return TyperOption(param_decls=list(declarations), expose_value=False, callback=_store, **settings)


def _output_word(value: str, *, formats: tuple[str, ...] = FORMATS) -> str:
    if value not in formats:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(formats)}")
    return value


def _query_text(value: str) -> str:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(value)
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise typer.BadParameter(f"not a JMESPath expression: {reason}") from error
    return value


def _parsed(parser: Callable[[str], str]) -> Callable[[Context, Parameter, Any], Any]:
    def callback(context: Context, parameter: Parameter, value: Any) -> Any:
        return _store(context, parameter, parser(value) if value else value)

    return callback


def _output_options(formats: tuple[str, ...] = FORMATS) -> list[TyperOption]:
    output = _option("output", "-o", "--output", metavar="FORMAT", help=f"One of {', '.join(formats)}.")
    query = _option("query", "--query", metavar="JMESPATH", help="Show what this expression finds in the JSON.")
    output.callback, query.callback = _parsed(partial(_output_word, formats=formats)), _parsed(_query_text)
    return [output, query]


def _server_options() -> list[TyperOption]:
    return [
        _option("server", "--server", metavar="URL", help="The server; else CICTL_SERVER_URL, else the context."),
        _option("context", "--context", metavar="NAME", help="A named server of the context file."),
        _option(
            "ca_file", "--ca-file", metavar="FILE", help="Trust these certificates (PEM) alone; else CICTL_CA_FILE."
        ),
    ]


def _debug_option() -> TyperOption:
    return _option("debug", "--debug", is_flag=True, default=False, help="Show requests, and tracebacks of errors.")


def _yes_option() -> TyperOption:
    return _option("yes", "-y", "--yes", is_flag=True, default=False, help="Do not ask; go on.")


def _add_shared(params: list[Any] | None, shared: list[TyperOption]) -> list[Any]:
    """Append the *shared* options whose names the command has not taken itself."""
    own = list(params or [])
    taken = {word for param in own for word in (*param.opts, *param.secondary_opts)}
    return own + [option for option in shared if taken.isdisjoint(option.opts)]


class LocalCommand(TyperCommand):
    """A command that calls no server."""

    def __init__(self, name: str | None, *, params: list[Any] | None = None, **settings: Any) -> None:
        super().__init__(name, params=_add_shared(params, self.shared()), **settings)

    @staticmethod
    def shared() -> list[TyperOption]:
        return [*_output_options(), _debug_option()]

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        _format_options(self, ctx, formatter)

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:
        format_examples(self.epilog, formatter)


class PlainCommand(LocalCommand):
    """A command that shows no result, such as a server: it takes `--debug` alone."""

    @staticmethod
    def shared() -> list[TyperOption]:
        return [_debug_option()]

    def invoke(self, ctx: Context) -> Any:
        """Run the command. A server that was named before the command's name counts as if it stood behind it."""
        given = ctx.find_root().obj.options
        own = {param.name: param for param in self.params}
        for option in _server_options():
            name = str(option.name)
            if not (value := given.get(name)):
                continue
            if name not in own:
                raise usage(f"{self.name} takes no {option.opts[0]}", hint=f"`{ctx.command_path} --help`")
            ctx.params[name] = ctx.params[name] or own[name].type_cast_value(ctx, value)
        return super().invoke(ctx)


class Command(LocalCommand):
    """A command that calls the server."""

    @staticmethod
    def shared() -> list[TyperOption]:
        return [*_output_options(), *_server_options(), _debug_option()]


class RecordsCommand(Command):
    """A command that calls the server and lists records, which `-o jsonl` writes one a line as they come."""

    @staticmethod
    def shared() -> list[TyperOption]:
        return [*_output_options((*FORMATS, JSON_LINES)), *_server_options(), _debug_option()]


class DestructiveCommand(Command):
    """A command that asks before it destroys."""

    @staticmethod
    def shared() -> list[TyperOption]:
        return [_yes_option(), *Command.shared()]


class LocalDestructiveCommand(LocalCommand):
    """A command that calls no server, and asks before it destroys something here."""

    @staticmethod
    def shared() -> list[TyperOption]:
        return [_yes_option(), *LocalCommand.shared()]


class Group(TyperGroup):
    """A noun with its verbs; it takes the shared options too."""

    def __init__(self, *, params: list[Any] | None = None, **settings: Any) -> None:
        super().__init__(params=_add_shared(params, DestructiveCommand.shared()), **settings)

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        _format_options(self, ctx, formatter)

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:
        format_examples(self.epilog, formatter)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, ClickCommand | None, list[str]]:
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            meant = self.meant_by(args[0])
            ctx.fail(f"no such command: {args[0]}" + (f"; did you mean {' or '.join(meant)}?" if meant else ""))
        return super().resolve_command(ctx, args)

    def meant_by(self, word: str) -> list[str]:
        """Return the commands that somebody may have meant by a *word* that is none."""
        return difflib.get_close_matches(word, self.commands, n=1)


@dataclass(frozen=True)
class CommandEntry:
    """Where a top-level command lives, and the line of help that is known without importing it.

    Attributes:
        attribute: A typer.Typer (a group) or a function (a command) in *module*.
        kind: The class of a command; groups have their own.
        is_technical: Programs call it, not people: the list of commands and completion leave it out.
    """

    module: str
    attribute: str
    help: str
    kind: type[LocalCommand] = Command
    is_technical: bool = False

    @property
    def verbs(self) -> list[str]:
        """The commands of a group, which its line of help ends in: `Agents: list show.`; none of a single command."""
        _, colon, words = self.help.rpartition(": ")
        return words.rstrip(".").split() if colon and "," not in words else []


class LazyGroup(Group):
    """The program: names and one-line helps from a static table, modules imported when a command is used."""

    entries: dict[str, CommandEntry]

    def list_commands(self, ctx: Context) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: Context, cmd_name: str) -> ClickCommand | None:
        entry = self.entries.get(cmd_name)
        return load_command(cmd_name, entry) if entry else None

    def meant_by(self, word: str) -> list[str]:
        """Return the commands of groups that *word* is, `jobs logs` for `logs`; else the command that it is close to."""
        groups = [name for name, entry in self.entries.items() if word in entry.verbs]
        return [f"{name} {word}" for name in groups[:_MOST_MEANT]] or difflib.get_close_matches(word, self.entries, n=1)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        with formatter.section("Commands"):
            shown = [(name, entry.help) for name, entry in self.entries.items() if not entry.is_technical]
            formatter.write_dl(shown)


def load_command(name: str, entry: CommandEntry) -> ClickCommand:
    """Import the module of *entry* and return its command."""
    found = getattr(import_module(entry.module), entry.attribute)
    if isinstance(found, typer.Typer):
        command = typer.main.get_command(found)
        command.help = entry.help
    else:
        app = new_group()
        app.command(name, cls=entry.kind, epilog=getattr(found, "examples", None))(found)
        command = typer.main.get_command(app)
    command.name = name
    return command


def new_group(examples: str = "") -> typer.Typer:
    """Return the typer application of a command group."""
    return typer.Typer(
        cls=Group,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        epilog=examples or None,
    )


def with_examples(text: str) -> Callable[[F], F]:
    """Give a top-level command's function the examples for the end of its help, one a line."""

    def mark(function: F) -> F:
        function.examples = text  # type: ignore[attr-defined]
        return function

    return mark


def format_examples(epilog: str | None, formatter: HelpFormatter) -> None:
    """Write the lines of *epilog* as they are, below the heading Examples."""
    if not epilog:
        return
    with formatter.section("Examples"):
        for line in epilog.strip().splitlines():
            formatter.write(" " * formatter.current_indent + line.strip() + "\n")


def _format_options(command: Any, ctx: Context, formatter: HelpFormatter) -> None:
    """Write arguments, the command's own options, then the shared ones apart."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Global options": []}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is None:
            continue
        if param.param_type_name == "argument":
            sections["Arguments"].append(record)
        elif not param.expose_value and ("--yes" not in param.opts or isinstance(command, Group)):
            sections["Global options"].append(record)
        else:
            sections["Options"].append(record)
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)
