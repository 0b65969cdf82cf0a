"""Who waits for the answer that a thread makes. Long work asks now and then whether anybody still does.

Each request is answered by one thread from its beginning to its end, so what is noted here holds for all that the request
calls. A thread without a request works for itself, and is never abandoned.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

IsGone = Callable[[], bool]


def _never() -> bool:
    return False


_is_gone: ContextVar[IsGone] = ContextVar("is_gone", default=_never)


def note_caller(is_gone: IsGone | None) -> None:
    """Say how this thread can tell whether its caller has closed the connection; None if it can't."""
    _is_gone.set(is_gone or _never)


def caller_of_this_thread() -> IsGone:
    """Return what `note_caller` noted last in this thread."""
    return _is_gone.get()
