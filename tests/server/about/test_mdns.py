"""Being found by mDNS: what is made known, when, and when nothing is. The network of these tests is the loopback interface."""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.servers.whole import running
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from cictl_client.probe import Probe
from cictl_server import serve
from cictl_server.mdns import SERVICE_TYPE, Advert, Advertiser, find_advertiser, reachable_addresses

DEADLINE_SECONDS = 120.0
# Other runs of these tests on this machine are on the same loopback.
FOUND, SERVES = (
    f"ciwi-{name}-{os.getpid()}-{random.SystemRandom().randrange(1 << 16)}" for name in ("found", "serves")
)
LOCAL = ["127.0.0.1", "::1", "192.0.2.7", "10.0.0.3", "169.254.1.1", "fe80::1", "2001:db8::5"]


def make_advert(instance: str, *, port: int = 8112) -> Advert:
    return Advert(instance=instance, hostname="box", port=port, version="1.2.3", addresses=("127.0.0.1",))


class Neighbours(ServiceListener):
    """Notes which servers are in the network."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._found: dict[str, ServiceInfo] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        info = zc.get_service_info(type_, name, timeout=30_000)
        with self._changed:
            if info is not None:
                self._found[name] = info
            self._changed.notify_all()

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.add_service(zc, type_, name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        with self._changed:
            self._found.pop(name, None)
            self._changed.notify_all()

    def named(self, instance: str) -> ServiceInfo:
        """Wait for a server, and return what it made known."""
        name = f"{instance}.{SERVICE_TYPE}"
        assert self._wait(lambda: name in self._found), self._found
        return self._found[name]

    def is_gone(self, instance: str) -> bool:
        """Wait until a server took itself back."""
        return self._wait(lambda: f"{instance}.{SERVICE_TYPE}" not in self._found)

    def _wait(self, condition: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, DEADLINE_SECONDS)


@pytest.fixture
def neighbours() -> Iterator[Neighbours]:
    listener = Neighbours()
    network = Zeroconf(interfaces=["127.0.0.1"])
    browser = ServiceBrowser(network, SERVICE_TYPE, listener)
    yield listener
    browser.cancel()
    network.close()


def test_a_server_is_found_and_takes_itself_back(neighbours: Neighbours) -> None:
    advertiser = Advertiser(make_advert(FOUND))
    advertiser.start()
    info = neighbours.named(FOUND)
    assert (info.port, info.server, info.parsed_addresses()) == (8112, "box.local.", ["127.0.0.1"])
    assert info.properties == {b"name": b"ciwi", b"api_version": b"1", b"version": b"1.2.3"}
    advertiser.stop()
    assert neighbours.is_gone(FOUND)


def test_a_server_that_is_found_answers(
    tmp_path: Path, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_loopback(_host: str, port: int, **_: object) -> Advertiser:
        return Advertiser(make_advert(SERVES, port=port))

    monkeypatch.setattr(serve, "find_advertiser", on_loopback)
    with running(tmp_path):
        found = neighbours.named(SERVES)
        assert Probe(f"http://127.0.0.1:{found.port}").health().status == "ok"
    assert neighbours.is_gone(SERVES)


def test_a_failure_keeps_no_server_from_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nameless = make_advert("")
    monkeypatch.setattr(serve, "find_advertiser", lambda *_, **__: Advertiser(nameless))
    with running(tmp_path) as server:
        assert Probe(server.url).health().status == "ok"
    assert "mDNS failed: the server is not made known" in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.0.0.53"])
def test_loopback_is_never_made_known(host: str) -> None:
    assert find_advertiser(host, 8112, version="1", environ={}) is None


@pytest.mark.parametrize("variable", ["CICTL_MDNS_ENABLE", "CIWI_MDNS_ENABLE"])
def test_it_can_be_turned_off(variable: str) -> None:
    assert find_advertiser("192.0.2.7", 8112, version="1", environ={variable: "false"}) is None
    assert find_advertiser("192.0.2.7", 8112, version="1", environ={variable: "no"}) is not None


def test_without_the_extra_nothing_is_made_known(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    assert find_advertiser("192.0.2.7", 8112, version="1", environ={}) is None
    assert "install cictl[mdns]" in caplog.text


@pytest.mark.parametrize(
    ("environ", "instance"),
    [
        ({"CICTL_MDNS_INSTANCE": "ours", "CIWI_MDNS_INSTANCE": "theirs"}, "ours"),
        ({"CIWI_MDNS_INSTANCE": " theirs "}, "theirs"),
        ({}, "ciwi-box"),
    ],
)
def test_names(environ: dict[str, str], instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box.example.test")
    found = find_advertiser("192.0.2.7", 8112, version="1", environ=environ)
    assert found is not None
    service = found.advert.service()
    assert (service.name, service.server) == (f"{instance}.{SERVICE_TYPE}", "box.local.")


def test_a_name_longer_than_a_label_is_cut_between_characters() -> None:
    name = make_advert("ü" * 40).service().name
    assert name == "ü" * 31 + f".{SERVICE_TYPE}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("0.0.0.0", ["10.0.0.3", "192.0.2.7"], id="every address of version 4"),
        pytest.param("::", ["10.0.0.3", "192.0.2.7", "2001:db8::5"], id="every address"),
        pytest.param("192.0.2.7", ["192.0.2.7"], id="one address"),
        pytest.param("2001:db8::5", ["2001:db8::5"], id="one of version 6"),
        pytest.param("127.0.0.1", [], id="loopback"),
        pytest.param("fe80::1", [], id="link-local"),
    ],
)
def test_addresses_that_others_reach(host: str, expected: list[str]) -> None:
    assert reachable_addresses(host, LOCAL) == expected
