"""The secret of a token: how it looks, and the digest that is kept in its place.

cictl_u_   then 30 digits of base62 from the system's generator   then 6 digits: the CRC-32 of all before
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

from cictl.wire.access import Role

_PREFIXES = {Role.AGENT: "cictl_a_", Role.ENROLMENT: "cictl_e_"}
_OF_PEOPLE = "cictl_u_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECK = 30, 6


def new_secret(role: Role) -> str:
    """Return a new secret for a token of *role*."""
    begin = _PREFIXES.get(role, _OF_PEOPLE) + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return begin + _check_digits(begin)


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
