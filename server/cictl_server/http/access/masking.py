"""Masking the secrets of a job in what is answered and logged about a request that failed.

An error may quote what an agent sent, such as the path of an artifact. An answer is kept for a day where the request had an
`Idempotency-Key`, so it is masked before it is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import falcon

from cictl_server.services.secrets.masks import Masks


class Masking:
    """Notes for each request about an execution how to mask a text with that execution's secrets."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks

    def process_resource(
        self, req: falcon.Request, _resp: falcon.Response, _resource: object, params: Mapping[str, str]
    ) -> None:
        if job_id := params.get("job_id"):
            req.context.redact = lambda text: self._redacted(job_id, text)

    def _redacted(self, job_id: str, text: str) -> str:
        mask = self._masks.of(job_id)
        return mask.redact(text) if mask else text


def redact_for(req: falcon.Request) -> Callable[[str], str]:
    """Return the function that masks a text about *req*; it changes nothing where no secrets are known."""
    redact: Callable[[str], str] = getattr(req.context, "redact", str)
    return redact
