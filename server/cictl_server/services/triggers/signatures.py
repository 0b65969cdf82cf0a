"""Whose webhooks are whose: the signatures of GitHub, Gitea, Forgejo and GitLab, and of Standard Webhooks, which all others send."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from mmap import mmap

Body = bytes | mmap
Header = Callable[[str], str | None]
"""Returns a header of the request by its name; None if it has none."""

_TOLERANCE_SECONDS = 300
"""How old, or how far ahead, a Standard Webhook may be."""


def standard_key(secret: str) -> str:
    """Return *secret* as those take it who follow Standard Webhooks."""
    return "whsec_" + base64.b64encode(secret.encode()).decode()


def is_signed(header: Header, body: Body, *, secret: str, now: datetime) -> bool:
    """Tell whether a request is signed with *secret*.

    One signature decides, so that nobody can choose the weakest. Forgejo sends those of Gitea and GitHub too, and Gitea that of GitHub.
    """
    for name, prefix in (("X-Forgejo-Signature", ""), ("X-Gitea-Signature", ""), ("X-Hub-Signature-256", "sha256=")):
        if (given := header(name)) is not None:
            return _same(given, prefix + _mac(secret, body).hex())
    if (given := header("webhook-signature")) is not None:
        return _is_standard(header, given, body, secret=secret, now=now)
    given = header("X-Gitlab-Token")
    return given is not None and _same(given, secret)


def delivery_of(header: Header, body: Body) -> str:
    """Return what tells a delivery from others: the id that its sender gives it, else its content."""
    names = ("X-GitHub-Delivery", "X-Gitea-Delivery", "webhook-id", "X-Gitlab-Event-UUID", "Idempotency-Key")
    sent = next((value for name in names if (value := header(name))), "")
    digest = hashlib.sha256(sent.encode() if sent else body)
    return digest.hexdigest()[:32]


def _is_standard(header: Header, given: str, body: Body, *, secret: str, now: datetime) -> bool:
    message_id, sent = header("webhook-id") or "", header("webhook-timestamp") or ""
    is_fresh = (
        sent.isascii() and sent.isdigit() and len(sent) < 15 and abs(now.timestamp() - int(sent)) <= _TOLERANCE_SECONDS
    )
    mac = _mac(secret, f"{message_id}.{sent}.".encode(), body)
    expected = f"v1,{base64.b64encode(mac).decode()}"
    return any(_same(one, expected) for one in given.split(" ")[:10]) and is_fresh


def _mac(secret: str, *parts: Body) -> bytes:
    mac = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    for part in parts:
        mac.update(part)
    return mac.digest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
