"""Speaking HTTP as a client."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests
from cictl_testing.ports import free_port

import cictl
import cictl_agent
import cictl_client
import cictl_server
from cictl.base.web.causes import cause_of, innermost
from cictl.base.web.probe import FAILURES, ask
from cictl.base.web.proxies import proxy_for
from cictl.base.web.session import Session
from cictl.base.web.trust import authorities

PACKAGES = (cictl, cictl_agent, cictl_client, cictl_server)
LIBRARIES = re.compile(
    r"^\s*(?:from|import) (requests|urllib3|http\.client|urllib\.request|httpx|aiohttp)\b", re.MULTILINE
)
SPEAKERS = {
    "cictl/base/web/session.py": {"requests", "urllib3"},
    "cictl/base/web/probe.py": {"http.client"},
    "cictl/base/web/proxies.py": {"requests"},
    "cictl/base/web/arriving.py": {"requests", "urllib3"},
    "cictl/base/web/cutoff.py": {"urllib3"},
    # These send through a session, and know the errors and the answers of its library.
    "cictl/installation/releases/web.py": {"requests"},
    "cictl_client/calls/results/download.py": {"requests"},
    "cictl_client/retry.py": {"urllib3"},
    "cictl_client/transport.py": {"requests"},
    "cictl_server/services/forges/posting.py": {"requests"},
    "cictl_server/services/notifications/webhooks.py": {"requests"},
    "cictl_server/services/secrets/vault/transport.py": {"requests"},
}

Says = Callable[[bytes], str]


@pytest.fixture
def says() -> Iterator[Says]:
    """Return what starts a server that reads one request, sends some bytes and stays silent, and gives its address."""
    open_ones: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(listener: socket.socket, sent: bytes) -> None:
        with suppress(OSError):  # who asked may have left, and the test be over
            connection, _ = listener.accept()
            open_ones.append(connection)
            while (got := connection.recv(4096)) and b"\r\n\r\n" not in got:
                pass
            connection.sendall(sent)

    def start(sent: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        open_ones.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, sent)))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for one in open_ones:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for one in open_ones:
        one.close()


REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://[x\r\nContent-Length: 1000000\r\n\r\nand nothing more"


def test_a_redirect_that_nobody_follows_is_not_read(says: Says) -> None:
    with closing(Session()) as session:
        answer = session.get(says(REDIRECT), stream=True, allow_redirects=False, timeout=60)
        assert answer.status_code == 302
        answer.close()


def test_nothing_but_the_request_says_who_asks(says: Says, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    url = says(b"HTTP/1.1 204 No Content\r\n\r\n").replace("://", "://me:mine@")
    with closing(Session(asks_outside=True)) as session:
        assert "Authorization" not in session.get(url, timeout=60).request.headers


def proxies_of(session: Session, url: str) -> object:
    return session.merge_environment_settings(url, {}, None, None, None)["proxies"].get("http", "")


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://a.example/", "http://proxy:3128"),
        ("http://b.example", ""),
        ("http://127.0.0.1:1", ""),
        ("http://127.0.0.2:1", ""),
        ("http://[::1]:1", ""),
        ("http://localhost", ""),
    ],
)
def test_proxies_are_on_the_way_to_other_machines(url: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "b.example")
    with closing(Session()) as session:
        assert proxies_of(session, url) == proxy
    assert proxy_for(url) == proxy


def test_whose_certificates_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/second.pem")
    assert Session(asks_outside=True).verify == "/second.pem"
    monkeypatch.setenv("SSL_CERT_FILE", "/first.pem")
    assert Session(asks_outside=True).verify == "/first.pem"
    assert Session(asks_outside=True, ca_file="/ours.pem").verify == "/ours.pem"
    assert Session().verify is True
    assert Path(authorities()).is_file()


def test_a_probe_reads_no_more_than_it_was_told(says: Says) -> None:
    url = says(b"HTTP/1.1 418 Teapot\r\nX-Kind: tea\r\nContent-Length: 8\r\n\r\nlapsang!")
    reply = ask(url, headers={}, timeout=60, limit=4)
    assert (reply.status, reply.headers["x-kind"], reply.body) == (418, "tea", b"laps")


@pytest.mark.parametrize("sent", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nl"])
def test_a_probe_that_gets_no_answer(says: Says, sent: bytes) -> None:
    with pytest.raises(FAILURES):
        ask(says(sent), headers={}, timeout=0.2)


def test_causes_are_few_words() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with closing(Session()) as session, pytest.raises(requests.ConnectionError) as refused:
        session.get(url, timeout=60)
    assert cause_of(refused.value) == "connection refused"
    assert isinstance(innermost(refused.value), ConnectionRefusedError)
    assert cause_of(OSError("odd: http://a:b@c\nand more")) == "odd: http://c"
    assert cause_of(ValueError()) == "ValueError"


def test_there_is_one_session_and_one_probe() -> None:
    roots = [Path(file).parent for package in PACKAGES if (file := package.__file__)]
    texts = {str(path.relative_to(root.parent)): path.read_text() for root in roots for path in root.rglob("*.py")}
    speakers = {name: found for name, text in texts.items() if (found := set(LIBRARIES.findall(text)))}
    assert speakers == SPEAKERS
    made = re.compile(r"\brequests\.Session[()]|\b(?:PoolManager|HTTPConnection)\(")
    assert {name for name, text in texts.items() if made.search(text)} == set(list(SPEAKERS)[:2])
