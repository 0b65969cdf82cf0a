"""Who really asks, where a trusted proxy passes requests on. Knows no framework, so that it can be asked at any time."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from cictl_server.errors import InvalidRequest

Header = Callable[[str], str | None]
"""Returns the value of the header with a name; None if it was not sent. That of one sent twice is both, with a comma between."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST_HOPS = 32
"""More proxies than these stand in no row; the rest of a longer list is not looked at."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks.

    Attributes:
        address: That of the client, as far as trusted proxies know it; else that of the connection.
        scheme: `http` or `https`: how the client speaks to the outermost that is trusted.
    """

    address: str
    scheme: str = "http"


class TrustedProxies:
    """The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count. Anybody can send these headers, so from elsewhere they don't."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Trust the proxies in *networks*, each an address or a CIDR.

        Raises:
            InvalidRequest: One is neither.
        """
        self._networks = [_network(text) for text in networks]

    def caller(self, peer: str, header: Header) -> Caller:
        """Return who asks over a connection from the address *peer*."""
        if not self._networks or not self._is_trusted(_find_address(peer)):
            return Caller(address=peer)
        return Caller(address=self._client(peer, header("X-Forwarded-For") or ""), scheme=_scheme(header))

    def _client(self, peer: str, forwarded: str) -> str:
        """Return the rightmost address of *forwarded* that is no proxy of ours.

        Each proxy appends whom it was asked by, so what stands left of the first stranger is the stranger's own word. If there is no
        stranger, the leftmost address counts; something that is no address ends the list.
        """
        found = peer
        for text in reversed(forwarded.split(",")[-_MOST_HOPS:]):
            address = _find_address(text)
            if address is None:
                break
            found = str(address)
            if not self._is_trusted(address):
                break
        return found

    def _is_trusted(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _scheme(header: Header) -> str:
    """Return what the nearest proxy says; `http` if that is neither of the two words."""
    said = (header("X-Forwarded-Proto") or "").rpartition(",")[2].strip().casefold()
    return "https" if said == "https" else "http"


def _find_address(text: str) -> _Address | None:
    """Return the address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`; None if there is none."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    with suppress(ValueError):
        address = ipaddress.ip_address(bare)
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return mapped or address
    return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidRequest(
            f"--trusted-proxy must be an address or a network, not {text!r}: {error}",
            hint="write it as 127.0.0.1 or as 10.0.0.0/8",
        ) from error
