"""The instant that `--since` names."""

from __future__ import annotations

from datetime import UTC, datetime

from cictl.base.text.durations import parse_duration
from cictl.cli.app.failures import usage
from cictl.cli.app.session import Session


def since_instant(session: Session, text: str) -> datetime | None:
    """Return the instant that `--since` names by the server's time, which it is asked for; None for an empty text.

    Raises:
        Failure: It is neither a duration nor a time.
    """
    if not text:
        return None
    instant_of(text, now=session.now())  # what is no time is refused before the server is asked
    session.client.health()
    return instant_of(text, now=session.now())


def instant_of(text: str, *, now: datetime) -> datetime:
    """Return the instant that `--since` names: so long before *now*, or an ISO 8601 time, local unless it says otherwise.

    Raises:
        Failure: It is neither.
    """
    try:
        return now - parse_duration(text)
    except OverflowError as error:
        raise usage(f"--since {text}: too long ago") from error
    except ValueError:
        pass  # perhaps it is a time
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise usage(
            f"--since {text!r} is neither a duration nor a time", hint="write 90s, 15m, 2h30m or 2026-01-31T12:00:00Z"
        ) from error
