"""Why a request got no answer, in a few words. The libraries' own texts are a page long."""

from __future__ import annotations

from cictl.base.urls import without_user_infos

_LONGEST = 200
NO_TLS = "it speaks no TLS: begin the address with http://"
_CAUSES = (
    ("to proxy", "the proxy that HTTP_PROXY or HTTPS_PROXY names can't be reached"),
    ("Connection refused", "connection refused"),
    ("Failed to resolve", "unknown host"),
    ("Name or service not known", "unknown host"),
    ("Temporary failure in name resolution", "unknown host"),
    ("nodename nor servname", "unknown host"),
    ("No route to host", "no route to host"),
    ("timed out", "timed out"),
    ("Connection aborted", "the connection broke"),
    ("Connection broken", "the connection broke"),
    ("Connection reset", "the connection broke"),
    ("closed connection", "the connection broke"),
    ("IncompleteRead", "the connection broke"),
    ("prematurely", "the connection broke"),
    ("Broken pipe", "the connection broke"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
    ("WRONG_VERSION_NUMBER", NO_TLS),
    ("wrong version number", NO_TLS),
    ("record layer failure", NO_TLS),
)


def cause_of(error: Exception) -> str:
    """Return why a request failed, on one line and without user info."""
    text = str(error)
    for needle, meaning in _CAUSES:
        if needle in text:
            return meaning
    return without_user_infos(text.splitlines()[0][:_LONGEST]) if text else type(error).__name__


def innermost(error: BaseException) -> BaseException:
    """Return the innermost error that an error of requests or urllib3 wraps. Mostly it is one of the system."""
    inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    found = getattr(error, "reason", None) if inner is None else inner
    if isinstance(found, BaseException):
        return innermost(found)
    return error.__cause__ if isinstance(error.__cause__, OSError) else error
