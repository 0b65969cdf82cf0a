"""The secret of a token: how it looks, and the digest that is kept in its place.

cictl_u_   then 30 digits of base62 from the system's generator   then 6 digits: the CRC-32 of all before
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

from cictl.wire.admin.access import Role

_PREFIXES = {Role.AGENT: "cictl_a_", Role.ENROLMENT: "cictl_e_", Role.JOB: "cictl_j_"}
_OF_PEOPLE = "cictl_u_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECK = 30, 6

_BYTES = 64
"""How many random bytes make a secret. Too few would be left if 35 of them were unfair, which never happens (1e-35)."""
_FAIR = 256 - 256 % len(_DIGITS)
_DIGIT_OF_BYTE = bytes(ord(_DIGITS[byte % len(_DIGITS)]) for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))
"""Bytes that are left out, because with them the first digits would come more often than the others."""


def new_secret(role: Role) -> str:
    """Return a new secret for a token of *role*."""
    # All digits at once: a job gets a token at each lease, and thirty calls of the generator would be felt there.
    random = secrets.token_bytes(_BYTES).translate(_DIGIT_OF_BYTE, _UNFAIR)[:_RANDOM]
    begin = _PREFIXES.get(role, _OF_PEOPLE) + random.decode()
    return begin + _check_digits(begin)


def is_of_job(secret: str) -> bool:
    """Tell whether *secret* looks like the token of a job."""
    return secret.startswith(_PREFIXES[Role.JOB])


def digest_of(secret: str) -> str:
    """Return the SHA-256 of *secret* in hex. A secret is random, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_digits(begin: str) -> str:
    """Return the CRC-32 of *begin* as six digits of base62, the highest first."""
    number, digits = zlib.crc32(begin.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
