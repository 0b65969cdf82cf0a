"""Posting messages to webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cictl.base.clock import Clock
from cictl.base.web.causes import cause_of, innermost
from cictl.base.web.proxies import proxies_for
from cictl.wire.codec import encode
from cictl_server.services.notifications.addresses import ForbiddenAddress, check_scheme
from cictl_server.services.notifications.parcels import NotDelivered, Parcel, TargetGone
from cictl_server.services.notifications.signing import SigningSecrets, signature

if TYPE_CHECKING:
    from cictl.base.web.cutoff import Cutoff

WEBHOOK_SECONDS = 10.0
"""How long one attempt takes at most, however slowly the target answers."""

_GONE = 410


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """Posts parcels.

    Attributes:
        allows_http: Targets may be on this machine, and without TLS.
    """

    secrets: SigningSecrets
    allows_http: bool
    clock: Clock
    user_agent: str

    def post(self, parcel: Parcel) -> None:
        """Post *parcel*; only the status of the answer is read.

        Raises:
            NotDelivered: The URL may not be used, there is no secret, or the answer is none of 200 to 299. Redirects are not followed.
            TargetGone: The answer is 410.
        """
        check_scheme(parcel.webhook, allows_http=self.allows_http)
        body = encode(parcel.body)
        status = self._status(parcel.webhook, body, self._headers(parcel, body))
        if status == _GONE:
            raise TargetGone(f"it answered {status}: it wants no more")
        if not 200 <= status < 300:
            raise NotDelivered(f"it answered {status}")

    def _headers(self, parcel: Parcel, body: bytes) -> dict[str, str]:
        now = int(self.clock().timestamp())
        key = self.secrets.key(parcel)
        return {
            "Content-Type": "application/json",
            "User-Agent": self.user_agent,
            "webhook-id": parcel.message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(key, message_id=parcel.message_id, timestamp=now, body=body),
        }

    def _status(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        import requests

        from cictl.base.web.session import Session

        with self._cutoff(url) as cutoff, Session(asks_outside=True, cutoff=cutoff) as session:
            try:
                with session.post(
                    url, data=body, headers=headers, timeout=WEBHOOK_SECONDS, allow_redirects=False, stream=True
                ) as response:
                    status = response.status_code
            except (requests.RequestException, OSError, ValueError) as error:
                is_late = cutoff.has_come or isinstance(error, requests.Timeout)
                raise NotDelivered(_LATE if is_late else _reason(error)) from error
            if cutoff.has_come:
                raise NotDelivered(_LATE)
            return status

    def _cutoff(self, url: str) -> Cutoff:
        """Return the time limit. A proxy decides itself where it connects to."""
        from cictl.base.web.cutoff import Cutoff
        from cictl_server.services.notifications.guarded_cutoff import GuardedCutoff

        if proxies_for(url):
            return Cutoff(WEBHOOK_SECONDS)
        return GuardedCutoff(WEBHOOK_SECONDS, allows_here=self.allows_http)


_LATE = f"it did not answer within {WEBHOOK_SECONDS:.0f} s"


def _reason(error: Exception) -> str:
    inner = innermost(error)
    return str(inner) if isinstance(inner, ForbiddenAddress) else cause_of(error)
