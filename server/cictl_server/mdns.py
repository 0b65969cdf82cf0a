"""Announcing the server on its network by mDNS, if the optional extra `mdns` (zeroconf) is installed.

A server on loopback is never announced. No failure here keeps a server from serving.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from cictl.base.system.environment import setting
from cictl.wire.admin.server import API_VERSION

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

logger = logging.getLogger(__name__)

SERVICE_TYPE = "_ciwi._tcp.local."
_LABEL_BYTES = 63
"""RFC 1035, 2.3.4."""
_JOIN_SECONDS = 10.0


class Advert(msgspec.Struct, frozen=True, kw_only=True):
    """What is announced.

    Attributes:
        instance: The name of the server for people.
        hostname: Name of this machine, without a domain.
        addresses: Where the server listens. They also choose the interfaces.
    """

    instance: str
    hostname: str
    port: int
    version: str
    addresses: tuple[str, ...]

    def service(self) -> ServiceInfo:
        """Return the DNS records. The host gets a name below `.local`, where other machines find it."""
        from zeroconf import ServiceInfo

        return ServiceInfo(
            SERVICE_TYPE,
            f"{_label(self.instance)}.{SERVICE_TYPE}",
            port=self.port,
            properties={"name": "ciwi", "api_version": str(API_VERSION), "version": self.version},
            server=f"{_label(self.hostname)}.local.",
            parsed_addresses=list(self.addresses),
        )


class Advertiser:
    """Announces `advert` from `start` to `stop`, on its own thread because claiming a name takes a second."""

    def __init__(self, advert: Advert) -> None:
        self.advert = advert
        self._zeroconf: Zeroconf | None = None
        self._thread = threading.Thread(target=self._register, name="mdns")

    def start(self) -> None:
        """Begin. The server must accept connections already. A failure is only logged."""
        self._thread.start()

    def stop(self) -> None:
        """Withdraw the announcement, so that it vanishes from the network at once."""
        self._thread.join(_JOIN_SECONDS)
        if self._zeroconf is None:
            return
        try:
            self._zeroconf.unregister_all_services()
            self._zeroconf.close()
        except Exception:  # the network may be gone; the server stops all the same
            logger.exception("mDNS could not be ended")

    def _register(self) -> None:
        from zeroconf import Zeroconf

        try:
            self._zeroconf = Zeroconf(interfaces=list(self.advert.addresses))
            service = self.advert.service()
            self._zeroconf.register_service(service, allow_name_change=True)
        except Exception:  # discovery is a convenience: whatever fails in it, the server serves
            logger.exception("mDNS failed: the server is not made known")
            return
        logger.info("made known by mDNS name=%s host=%s port=%d", service.name, service.server, self.advert.port)


def find_advertiser(host: str, port: int, *, version: str, environ: Mapping[str, str]) -> Advertiser | None:
    """Return the advertiser of a server on *host*; None if it should not or can't be announced.

    Args:
        host: The numeric address to which it is bound.
        environ: `CICTL_MDNS_ENABLE=false` turns it off, `CICTL_MDNS_INSTANCE` names the server; each also as `CIWI_…`.
    """
    if setting(environ, "MDNS_ENABLE") == "false" or ipaddress.ip_address(host).is_loopback:
        return None
    try:
        import ifaddr
        import zeroconf  # noqa: F401  whether it can be loaded is what counts
    except ImportError:
        logger.info("not made known by mDNS: install cictl[mdns] for that")
        return None
    local = [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    addresses = reachable_addresses(host, local)
    if not addresses:
        logger.info("not made known by mDNS: no interface has an address for it")
        return None
    hostname = socket.gethostname().strip().partition(".")[0] or "localhost"
    instance = setting(environ, "MDNS_INSTANCE") or f"ciwi-{hostname}"
    return Advertiser(
        Advert(instance=instance, hostname=hostname, port=port, version=version, addresses=tuple(addresses))
    )


def reachable_addresses(host: str, local: Iterable[str]) -> list[str]:
    """Return those of the *local* addresses by which other machines reach a server bound to *host*.

    Loopback and link-local ones are left out. IPv4 comes first; then they are ordered by their text.
    """
    bound = ipaddress.ip_address(host)
    found = {ipaddress.ip_address(address) for address in local} if bound.is_unspecified else {bound}
    usable = [a for a in found if not (a.is_loopback or a.is_link_local or a.is_unspecified)]
    if bound.version == 4:
        usable = [a for a in usable if a.version == 4]
    return [str(a) for a in sorted(usable, key=lambda a: (a.version, str(a)))]


def _label(text: str) -> str:
    """Cut *text* between two characters so that it fits into one label."""
    return text.encode()[:_LABEL_BYTES].decode(errors="ignore")
