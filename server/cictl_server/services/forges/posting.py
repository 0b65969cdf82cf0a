"""Asking a forge over HTTP, and what its answers mean for what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cictl.base.web.causes import cause_of
from cictl.base.web.proxies import proxies_for
from cictl_server.services.forges.apis import ForgeCall

if TYPE_CHECKING:
    from cictl.base.web.cutoff import Cutoff

SECONDS = 10.0
"""How long one request takes at most, however slowly the forge answers."""

_LONGEST_ANSWER = 64 << 10
_LONGEST_SHOWN = 200
_OF_ALL = {401: "it does not take the token", 403: "the token may not do this", 429: "it wants fewer requests"}
_NOT_FOUND = 404


class ForgeAway(Exception):
    """No request to the forge makes sense for now. The text says why."""


class NotThere(Exception):
    """The forge does not know the repository or the commit, or does not show it to this token. That may change."""


class ForgeRefuses(Exception):
    """The forge will not take this request, whenever it is sent. The text says why."""


class ForgeClient(msgspec.Struct, frozen=True, kw_only=True):
    """Sends requests to forges. Redirects are not followed: the token is for the forge alone.

    Attributes:
        allows_http: Forges may be on this machine, and without TLS.
    """

    allows_http: bool
    user_agent: str

    def send(self, call: ForgeCall) -> None:
        """Send a request, and return if it succeeded.

        Raises:
            ForgeAway: There was no answer, or it was 401, 403, 429 or 500 to 599.
            NotThere: It was 404.
            ForgeRefuses: It was another one than 200 to 299.
        """
        status, text = self._answer(call)
        if 200 <= status < 300:
            return
        if status >= 500 or status in _OF_ALL:
            raise ForgeAway(f"it answered {status}" + (f": {_OF_ALL[status]}" if status in _OF_ALL else ""))
        if status == _NOT_FOUND:
            raise NotThere("it answered 404: it knows no such repository or commit, or does not show it to this token")
        raise ForgeRefuses(f"it answered {status}: {' '.join(text.split())[:_LONGEST_SHOWN]}")

    def _answer(self, call: ForgeCall) -> tuple[int, str]:
        import requests

        from cictl.base.web.session import Session

        with self._cutoff(call.url) as cutoff, Session(asks_outside=True, cutoff=cutoff) as session:
            try:
                with session.request(
                    "GET" if call.body is None else "POST",
                    call.url,
                    data=call.body,
                    headers={**call.headers, "User-Agent": self.user_agent},
                    timeout=SECONDS,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    text = response.raw.read(_LONGEST_ANSWER, decode_content=True).decode(errors="replace")
                    found = response.status_code, text
            except (requests.RequestException, OSError, ValueError) as error:
                late = cutoff.has_come or isinstance(error, requests.Timeout)
                raise ForgeAway(f"it did not answer within {SECONDS:.0f} s" if late else cause_of(error)) from error
            if cutoff.has_come:
                raise ForgeAway(f"it did not answer within {SECONDS:.0f} s")
            return found

    def _cutoff(self, url: str) -> Cutoff:
        """Return the time limit. A proxy decides itself where it connects to."""
        from cictl.base.web.cutoff import Cutoff
        from cictl_server.services.notifications.guarded_cutoff import GuardedCutoff

        return Cutoff(SECONDS) if proxies_for(url) else GuardedCutoff(SECONDS, allows_here=self.allows_http)
