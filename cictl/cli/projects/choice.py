"""The question which pipeline or chain shall run, where none was named."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from cictl.base.text.plain import plain
from cictl.cli.app.confirmation import can_ask, may
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.session import Session
from cictl.cli.names import Target, list_targets
from cictl.cli.projects.here import projects_here
from cictl.wire.projects import ChainSummary


def choose_here(session: Session) -> str:
    """Return the name of what shall run, of the projects that build the checkout around the current directory.

    On a terminal the user chooses. Elsewhere a name has to be given, also where there is one only: there may be two tomorrow.

    Raises:
        Failure: Nobody can be asked, or there is nothing to choose from (exit code 2); the user wants none (1).
    """
    projects = projects_here(session, wish="what shall run?", without="cictl run PROJECT/PIPELINE", offers_local=True)
    own = {project.id for project in projects}
    found = [target for target in list_targets(session.client) if target.project.id in own]
    if not found:
        raise usage(f"what shall run? {projects[0].name} has no pipelines")
    return choose(
        session,
        [_name(target) for target in found],
        texts=[_text(target) for target in found],
        command=lambda name: f"cictl run {shlex.quote(name)}{session.server_options}",
    )


def choose(session: Session, names: Sequence[str], *, texts: Sequence[str], command: Callable[[str], str]) -> str:
    """Return the one of *names* that the user wants to run: asked on a terminal, where the first one is the default.

    Args:
        texts: A few words about each name; empty where there is nothing to say.
        command: Returns the command that runs a name without a question.

    Raises:
        Failure: Nobody can be asked (exit code 2), or the user wants none (1).
    """
    if not can_ask(session):
        for name in [] if session.wants_data else names:
            session.note(f"  {command(name)}")
        raise usage(f"what shall run? there {_are(names)}", hint=command(names[0]))
    if len(names) == 1:
        if may(session, f"run {names[0]}?"):
            return names[0]
        raise _declined()
    width = max(map(len, names))
    for number, (name, text) in enumerate(zip(names, texts, strict=True), start=1):
        session.note(f"{number:>3}  {name:<{width}}  {text}".rstrip())
    session.stderr.write(plain(f"run which? [1-{len(names)}, Enter for 1] "))
    session.stderr.flush()
    answer = session.stdin.readline()
    word = answer.strip() or "1"
    if answer.endswith("\n") and word in names:
        return word
    if answer.endswith("\n") and word.isdecimal() and 1 <= int(word) <= len(names):
        return names[int(word) - 1]
    raise _declined()


def _are(names: Sequence[str]) -> str:
    return f"is {names[0]}" if len(names) == 1 else f"are {', '.join(names)}"


def _declined() -> Failure:
    return Failure("nothing was started", exit_code=ExitCode.ERROR, code="declined")


def _name(target: Target) -> str:
    """Return a name that means this target only."""
    return f"{target.project.id}/{target.name}" if target.namesakes else target.full_name


def _text(target: Target) -> str:
    definition = target.definition
    if isinstance(definition, ChainSummary):
        return f"chain of {', '.join(definition.pipelines)}"
    return f"after {', '.join(definition.depends_on)}" if definition.depends_on else ""
