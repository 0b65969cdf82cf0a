"""The question before something is destroyed: asked on a terminal, answered by --yes elsewhere."""

from __future__ import annotations

from cictl.base.text.plain import plain
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.session import Session


def confirm(session: Session, question: str) -> None:
    """Ask *question* before something on the server is destroyed.

    In a protected context the answer is the context's name: typed, or given as `--context NAME --yes`. There `--yes`
    alone does not do, so that a script written for one server destroys nothing on another.

    Raises:
        Failure: The answer is another one (1), or nobody can be asked (2).
    """
    name = session.settings.protected
    if not name:
        ask(session, question)
    elif not (session.options.get("yes") and session.options.get("context") == name):
        if not can_ask(session):
            raise usage(
                f"{question} needs --context {name} --yes: that context is protected",
                hint=f"name it: --context {name} --yes",
            )
        _expect(session, f"{question} context {name} is protected; type its name to go on: ", (name,))


def confirm_work(session: Session, question: str, *, is_lost: bool) -> None:
    """Ask *question* before a command that may end work which runs: on a terminal, if work *is_lost*.

    Where nobody can be asked the command goes on, since that is what it is for. In a protected context it always asks, as
    `confirm` does.

    Raises:
        Failure: As `confirm`.
    """
    if session.settings.protected or (is_lost and can_ask(session)):
        confirm(session, question)


def ask(session: Session, question: str) -> None:
    """Ask *question* before something on this machine is destroyed; `--yes` answers it.

    Raises:
        Failure: The answer is not yes (1), or nobody can be asked (2).
    """
    if session.options.get("yes"):
        return
    if not can_ask(session):
        raise usage(f"{question} needs --yes when nobody can be asked", hint="add --yes")
    _expect(session, f"{question} [y/N] ", ("y", "yes", "Y", "Yes", "YES"))


def may(session: Session, question: str) -> bool:
    """Ask *question* before something harmless and welcome; an empty answer is yes. Where nobody can be asked it is no."""
    if not can_ask(session):
        return False
    session.stderr.write(plain(f"{question} [Y/n] "))
    session.stderr.flush()
    answer = session.stdin.readline()
    return answer.endswith("\n") and answer.strip().lower() in ("", "y", "yes")


def can_ask(session: Session) -> bool:
    """Tell whether a person is there who sees a question and can answer it."""
    return session.stdin.isatty() and session.stderr.isatty()


def _expect(session: Session, prompt: str, answers: tuple[str, ...]) -> None:
    session.stderr.write(plain(prompt))
    session.stderr.flush()
    if session.stdin.readline().strip() not in answers:
        raise Failure("nothing was changed", exit_code=ExitCode.ERROR, code="declined")
