"""The names under which this server may be asked. A page that reaches it by DNS rebinding asks under another one."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from cictl_server.errors import InvalidRequest

_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})
_ALLOWED = re.compile(r"(?:\*?\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


class OwnHosts:
    """Which hosts a `Host` header may name.

    On loopback these are the names and addresses of the loopback, and the allowed ones. Elsewhere every address is ours
    too, because no name was looked up to find it, and so are the machine's own names.
    """

    def __init__(self, *, bound: str = "127.0.0.1", allowed: Iterable[str] = ()) -> None:
        """Prepare for a server that listens on *bound*, a name or an address.

        Args:
            allowed: Further names; `.example.com` and `*.example.com` mean all names below `example.com`.

        Raises:
            InvalidRequest: An allowed name is none, or has a scheme or a port.
        """
        self._is_loopback = is_loopback_name(bound)
        names = [_checked(name) for name in allowed]
        self._parents = tuple(name.removeprefix("*") for name in names if name.startswith(("*", ".")))
        self._names = {_bare(bound), *(name for name in names if not name.startswith(("*", ".")))}
        if not self._is_loopback:
            self._names |= _short_names()

    def __contains__(self, host: str) -> bool:
        """Tell whether *host*, a name or an address without a port, is ours."""
        bare = _bare(host)
        if is_loopback_name(bare) or bare in self._names or bare.endswith(self._parents):
            return True
        return not self._is_loopback and _is_address(bare)

    def learn_full_name(self) -> None:
        """Add the machine's name with its domain. That may ask a name server, and so take seconds."""
        if not self._is_loopback:
            self._names.add(_bare(socket.getfqdn()))


def is_loopback_name(host: str) -> bool:
    """Tell whether *host*, a name or an address without a port, means this machine only."""
    bare = _bare(host)
    return bare in _LOOPBACK_NAMES or (_is_address(bare) and ipaddress.ip_address(bare).is_loopback)


def _short_names() -> set[str]:
    name = _bare(socket.gethostname())
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"}


def _checked(name: str) -> str:
    bare = _bare(name)
    if not (_ALLOWED.fullmatch(bare) or _is_address(bare)):
        raise InvalidRequest(
            f"--allowed-host must be a host's name without scheme and port, not {name!r}",
            hint="write it as ci.example.com, or as .example.com for all names below",
        )
    return bare


def _bare(host: str) -> str:
    """Return *host* in small letters, without the brackets of an address and the dot at the end of a full name."""
    return host.strip("[]").casefold().removesuffix(".")


def _is_address(bare: str) -> bool:
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True
