"""The program: its table of commands, and the one place where every way to end becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

import typer
from typer.core import TyperOption

import cictl
from cictl.cli.app.commands import JSON_LINES, CommandEntry, DestructiveCommand, LazyGroup, LocalCommand, PlainCommand
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, failure_of, is_client_error, usage
from cictl.cli.app.session import Session, format_setting, new_session
from cictl.cli.output.device import output_error
from cictl.cli.output.text import columns_of, is_terminal

if TYPE_CHECKING:
    from typer._click import Context, Parameter

    from cictl.cli.app.patience import Patience

# click's base of everything that tells of wrong usage; typer exports its descendant only.
UsageError = typer.BadParameter.__mro__[1]

COMMANDS: dict[str, CommandEntry] = {
    "serve": CommandEntry("cictl.cli.commands.here.serve", "serve", "Run the server.", PlainCommand),
    "run-agent": CommandEntry(
        "cictl.cli.commands.here.run_agent", "run_agent", "Run an agent that executes jobs.", PlainCommand
    ),
    "demo": CommandEntry(
        "cictl.cli.commands.here.local.demo", "demo", "Try everything: a server, an agent, a project.", PlainCommand
    ),
    "healthcheck": CommandEntry(
        "cictl.cli.commands.about.healthcheck", "healthcheck", "Check that the server is up and well."
    ),
    "info": CommandEntry("cictl.cli.commands.about.info", "info", "Show the server and its state."),
    "lint": CommandEntry(
        "cictl.cli.commands.here.lint", "lint", "Check a project file; needs no server.", LocalCommand
    ),
    "init": CommandEntry(
        "cictl.cli.commands.here.init", "init", "Write the project file of a repository.", LocalCommand
    ),
    "convert": CommandEntry(
        "cictl.cli.commands.here.convert", "convert", "Tell a file of another CI as a project file.", LocalCommand
    ),
    "run": CommandEntry("cictl.cli.commands.run", "run", "Run a pipeline, one of its jobs, or a chain."),
    "open": CommandEntry(
        "cictl.cli.commands.about.open", "open_page", "Open the page of a run, a job or a project in a browser."
    ),
    "agents": CommandEntry(
        "cictl.cli.commands.agents",
        "app",
        "Agents: list show activate deactivate drain refresh-tools restart wipe-cache flush-history remove update exec enroll.",
    ),
    "projects": CommandEntry(
        "cictl.cli.commands.projects", "app", "Projects: list show import reload check set delete icon hook forge."
    ),
    "pipelines": CommandEntry(
        "cictl.cli.commands.runnables",
        "pipelines",
        "Pipelines: list show run preview source-refs eligible-agents version.",
    ),
    "chains": CommandEntry(
        "cictl.cli.commands.runnables", "chains", "Chains: list show run preview source-refs eligible-agents."
    ),
    "jobs": CommandEntry(
        "cictl.cli.commands.jobs",
        "app",
        "Jobs: list show logs cancel prioritize rerun delete clear-queue flush-history artifacts download tests explain watch.",
    ),
    "queue": CommandEntry("cictl.cli.commands.queue", "app", "Whether jobs are given out: show pause resume."),
    "runs": CommandEntry(
        "cictl.cli.commands.runs", "app", "Runs: list show summary watch approve reject cancel rerun pin unpin."
    ),
    "schedules": CommandEntry(
        "cictl.cli.commands.schedules", "app", "Runs that start by the clock: list next pause resume run."
    ),
    "notifications": CommandEntry(
        "cictl.cli.commands.notifications", "app", "What the server tells others when runs end: list test."
    ),
    "tests": CommandEntry("cictl.cli.commands.tests", "app", "Tests over time: list flaky slow show."),
    "insight": CommandEntry(
        "cictl.cli.commands.insight", "app", "How runs went, and how much agents worked: pipelines branches agents."
    ),
    "retention": CommandEntry(
        "cictl.cli.commands.retention", "app", "How long runs, logs and artifacts are kept: show set preview run."
    ),
    "secrets": CommandEntry(
        "cictl.cli.commands.access.secrets",
        "app",
        "Secrets that the server keeps for jobs: list set remove rotate-key.",
    ),
    "login": CommandEntry(
        "cictl.cli.commands.access.login", "login", "Log in to a server, and use it from now on.", LocalCommand
    ),
    "logout": CommandEntry("cictl.cli.commands.access.login", "logout", "Forget a server's token."),
    "whoami": CommandEntry("cictl.cli.commands.access.tokens", "whoami", "Show whom the server takes you for."),
    "tokens": CommandEntry("cictl.cli.commands.access.tokens", "app", "Who may do what: list create revoke rotate."),
    "audit": CommandEntry("cictl.cli.commands.access.audit", "app", "Who did what on the server: list verify."),
    "vault": CommandEntry(
        "cictl.cli.commands.access.vault", "app", "Vaults that jobs take secrets from: list add delete test."
    ),
    "update": CommandEntry(
        "cictl.cli.commands.about.update", "app", "Versions of the server: check tags status apply rollback."
    ),
    "server": CommandEntry("cictl.cli.commands.about.server", "app", "The server itself: restart."),
    "api": CommandEntry("cictl.cli.commands.about.api", "api", "Call the API itself, as it is.", DestructiveCommand),
    "store": CommandEntry(
        "cictl.cli.commands.here.store", "app", "The server's data: check backup restore compact export copy."
    ),
    "context": CommandEntry("cictl.cli.commands.here.context", "app", "Named servers: list use set delete show."),
    "completion": CommandEntry("cictl.cli.commands.here.completion", "app", "Completion in a shell: show install."),
    "version": CommandEntry("cictl.cli.commands.here.version", "version", "Show the version of cictl.", LocalCommand),
    "stage": CommandEntry(
        "cictl.cli.commands.here.installation",
        "stage",
        "Install a version beside the others.",
        LocalCommand,
        is_technical=True,
    ),
    "apply-staged-update": CommandEntry(
        "cictl.cli.commands.here.installation",
        "apply_staged_update",
        "Switch to the version that was staged.",
        PlainCommand,
        is_technical=True,
    ),
    "self-check": CommandEntry(
        "cictl.cli.commands.here.installation",
        "self_check",
        "Check that this version can run.",
        LocalCommand,
        is_technical=True,
    ),
}

_HELP = """CI/CD that you drive from a terminal.

Results go to stdout, everything else to stderr. Where a command takes an agent, a project, a pipeline or a job, the
beginning of its name is enough. Exit codes: 0 ok, 1 error, 2 usage, 3 failed, 4 cancelled, 5 not found, 6 not allowed,
7 conflict, 8 wait timed out, 9 unreachable, 10 server error or degraded, 11 no agent, 130 interrupted."""

_EXAMPLES = """
cictl init
cictl run --local
cictl serve
cictl projects import https://example.com/shop.git
cictl run shop/build --follow
cictl jobs logs --failed
cictl jobs list --status failed -o json
"""


_WIDEST_HELP = 1000
"""Help is as wide as the terminal; click by itself would end it at 80 columns."""


class Program(LazyGroup):
    """The command `cictl` itself."""

    entries = COMMANDS


def _show_version(context: Context, _parameter: Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        context.find_root().obj.stdout.write(f"cictl {cictl.__version__}\n")
        context.exit()


def build_program() -> Program:
    """Return the command tree; nothing below its first level is imported yet."""
    version = TyperOption(
        param_decls=["--version"],
        is_flag=True,
        default=False,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        help="Show the version and exit.",
    )
    return Program(
        name="cictl",
        params=[version],
        help=_HELP,
        epilog=_EXAMPLES,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": _WIDEST_HELP},
    )


def main(argv: Sequence[str] | None = None, *, patience: Patience | None = None) -> int:
    """Run the command line *argv* (default: the process's) and return its exit code; *patience* is for tests."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    session = new_session(os.environ, patience=patience)
    for stream in (session.stdout, session.stderr):
        _make_lenient(stream)
    try:
        code = _run(session, arguments)
        session.stdout.flush()
        # The result of the work comes first: scripts switch on it.
        lost = _lost_output(session, as_json=asks_for_json(arguments, session.env))
        code = code or lost
    except BrokenPipeError:
        _abandon_stdout(session)
        code = ExitCode.BROKEN_PIPE
    finally:
        session.close()
    return int(code)


def _run(session: Session, arguments: list[str]) -> int:
    """Parse and invoke; every exception but a broken pipe ends here."""
    try:
        with build_program().make_context("cictl", list(arguments), obj=session) as context:
            _check_output_setting(session)
            context.command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        session.stderr.write("\ninterrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a traceback
        return _report(session, error, as_json=asks_for_json(arguments, session.env))
    return ExitCode.OK


def _lost_output(session: Session, *, as_json: bool) -> int:
    """Tell on stderr that stdout took only a part of the output, and return the exit code for that; 0 when it took all."""
    error = output_error(session.stdout)
    if error is None:
        return ExitCode.OK
    lost = Failure(f"the output is incomplete: {error.strerror}", exit_code=ExitCode.ERROR, code="output_lost")
    return _report(session, lost, as_json=as_json)


def _report(session: Session, error: Exception, *, as_json: bool) -> int:
    """Tell *error* on stderr, for people or as JSON, and return its exit code."""
    if session.debug:
        import traceback

        from cictl.base.text.characters import escaped_lines

        session.stderr.write(escaped_lines("".join(traceback.format_exception(error))))
    failure = _failure(session, error)
    if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
        session.stderr.write(f"{error}\n")
    else:
        width = columns_of(session.stderr, session.env) if is_terminal(session.stderr) else None
        session.stderr.write(failure.as_json() if as_json else failure.as_text(width=width))
    session.stderr.flush()
    return failure.exit_code


def _failure(session: Session, error: Exception) -> Failure:
    if isinstance(error, Failure):
        return error
    if is_client_error(error):
        return failure_of(error, server=session.settings.shown_server)
    if isinstance(error, UsageError):
        return _usage_failure(error)
    if isinstance(error, OSError):
        return Failure(f"{error}", exit_code=ExitCode.ERROR, code="os_error")
    return Failure(
        f"unexpected {type(error).__name__}: {error}",
        exit_code=ExitCode.ERROR,
        code="unexpected",
        hint="the same command with --debug, and report what it shows",
    )


def _usage_failure(error: Exception) -> Failure:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "cictl"
    if type(error).__name__ == "NoArgsIsHelpError":
        return usage(f"{path} needs a command", hint=f"`{path} --help` lists them")
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return usage(message[:1].lower() + message[1:].rstrip("."), hint=f"`{path} --help`")


def _check_output_setting(session: Session) -> None:
    from cictl.cli.app.commands import FORMATS

    if session.output not in FORMATS:
        raise usage(f"CICTL_OUTPUT is {session.output!r}", hint=f"one of {', '.join(FORMATS)}")


def asks_for_json(arguments: Sequence[str], env: Mapping[str, str]) -> bool:
    """Tell whether errors are to be JSON, even when *arguments* can't be parsed; the last `-o` counts."""
    asked = format_setting(env)
    for index, word in enumerate(arguments):
        if word == "--":
            break
        if word in ("-o", "--output"):
            asked = arguments[index + 1] if index + 1 < len(arguments) else ""
        elif word.startswith("--output="):
            asked = word.removeprefix("--output=")
        elif word.startswith("-o") and not word.startswith("--"):
            asked = word.removeprefix("-o").removeprefix("=")
    return asked in ("json", JSON_LINES)


def _make_lenient(stream: TextIO) -> None:
    """Let a terminal that can't show a character show its escape instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _abandon_stdout(session: Session) -> None:
    """Redirect stdout to the null device, so that the interpreter's last flush can't fail."""
    try:
        descriptor = session.stdout.fileno()
    except (OSError, ValueError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
