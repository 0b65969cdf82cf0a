"""Which addresses targets may have. Who writes a project file must not reach what only this machine reaches."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from cictl.base.urls import split_http
from cictl_server.services.notifications.parcels import NotDelivered

_HINT = "`cictl serve --allow-http-targets` allows that"


class ForbiddenAddress(OSError):
    """A target's name leads to an address that it may not have. The text says which."""


def check_scheme(url: str, *, allows_http: bool) -> None:
    """Return if a target may have *url*, as far as that shows without looking up its host.

    Raises:
        NotDelivered: It may not.
    """
    try:
        parts = split_http(url)
    except ValueError as error:
        raise NotDelivered(str(error)) from error
    if parts.scheme != "https" and not allows_http:
        raise NotDelivered(f"it is asked without TLS; {_HINT}")


def address_problem(connected: socket.socket, *, allows_here: bool) -> str:
    """Return why no target may be at the other end; empty if one may. Private networks are allowed: chat servers are there."""
    peer, own = _address(connected.getpeername()), _address(connected.getsockname())
    if peer.is_link_local or peer.is_multicast or peer.is_unspecified:
        return f"it is at {peer}, where no target may be"
    if (peer.is_loopback or peer == own) and not allows_here:
        return f"it is on the machine of the server; {_HINT}"
    return ""


def _address(name: tuple[str, int]) -> IPv4Address | IPv6Address:
    found = ip_address(name[0].partition("%")[0])
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
