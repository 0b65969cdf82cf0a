"""Where `cictl vault test` gets another secret id from; never from the command line, which others can see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session

_OPTIONS = "--secret-id-file, --secret-id-stdin, --secret-id-var and --ask-secret-id"


@dataclass(frozen=True, kw_only=True)
class SecretIdSource:
    """What the options say; at most one of them may be given."""

    file: Path | None
    from_stdin: bool
    variable: str
    asks: bool


def read_secret_id(session: Session, source: SecretIdSource) -> str:
    """Return the secret id to try; empty to try the server's own.

    Raises:
        Failure: Several options were given, or the source holds no secret id.
    """
    given = [source.file is not None, source.from_stdin, bool(source.variable), source.asks]
    if sum(given) > 1:
        raise usage(f"{_OPTIONS} exclude each other")
    if not any(given):
        return ""
    text, where = _read(session, source)
    if not text.strip():
        raise usage(f"no secret id came from {where}")
    return text.strip()


def _read(session: Session, source: SecretIdSource) -> tuple[str, str]:
    """Return the text that came, and the name of its source for messages."""
    if source.file is not None:
        try:
            return source.file.expanduser().read_text(), str(source.file)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise usage(f"--secret-id-file: {source.file}: {why}") from error
    if source.from_stdin:
        return session.stdin.readline(), "standard input"
    if source.variable:
        return session.env.get(source.variable, ""), f"the variable {source.variable}"
    return _asked(session), "the terminal"


def _asked(session: Session) -> str:
    import getpass

    if not session.stdin.isatty():
        raise usage("--ask-secret-id needs a terminal", hint="--secret-id-stdin reads it from a pipe")
    try:
        return getpass.getpass("secret id (not shown): ", stream=session.stderr)
    except EOFError:  # Ctrl-D
        session.stderr.write("\n")
        return ""
