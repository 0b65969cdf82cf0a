"""How long a release server may hold the updater, and what it may send."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.servers.dripping import DrippingServer

from cictl.installation.releases.web import Web, WebError

_ANSWER = b"HTTP/1.1 200 OK\r\n"
_TLS_RECORD = b"\x16\x03\x03\x40\x00"


def downloads(url: str, into: Path, *, seconds: float, clock: Callable[[], float] | None = None) -> None:
    web = Web(clock=clock) if clock else Web()
    web.download(url, into, accept="*/*", limit=1 << 20, seconds=seconds)


@pytest.mark.parametrize(
    ("scheme", "beginning"),
    [
        pytest.param("http", b"", id="status line"),
        pytest.param("http", _ANSWER + b"X-Header: ", id="header"),
        pytest.param("http", _ANSWER + b"Content-Length: 100000\r\n\r\n", id="body"),
        pytest.param("http", _ANSWER + b"\r\n", id="body until it closes"),
        pytest.param("http", b"HTTP/1.1 404 Not Found\r\n\r\n", id="refusal"),
        pytest.param("https", _TLS_RECORD, id="handshake"),
    ],
)
def test_a_server_that_drips_is_left_when_the_time_is_over(tmp_path: Path, scheme: str, beginning: bytes) -> None:
    with DrippingServer(beginning) as server:
        url = server.url.replace("http", scheme)
        with pytest.raises(WebError, match=r"timed out|status=404"):
            downloads(f"{url}/a.whl", tmp_path / "a.whl", seconds=0.3)
        server.await_end()
    assert list(tmp_path.iterdir()) == []


def test_headers_without_end_are_left_although_the_file_had_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cictl.installation.releases.web._SILENCE_SECONDS", 0.3)
    with DrippingServer(_ANSWER + b"X-Header: ") as server:
        with pytest.raises(WebError, match="timed out"):
            downloads(f"{server.url}/a.whl", tmp_path / "a.whl", seconds=3600)
        server.await_end()


def test_a_body_has_a_least_speed(tmp_path: Path) -> None:
    seconds = itertools.count()
    with (
        DrippingServer(_ANSWER + b"\r\n") as server,
        pytest.raises(WebError, match=r"comes too slowly: .* bytes in 11 s"),
    ):
        downloads(f"{server.url}/a.whl", tmp_path / "a.whl", seconds=3600, clock=lambda: float(next(seconds)))
    assert list(tmp_path.iterdir()) == []


def test_attempts_share_the_time(tmp_path: Path) -> None:
    """A server that drips a 503 gets no second and third time."""
    pauses: list[float] = []
    with DrippingServer(b"HTTP/1.1 503 Busy\r\n\r\n") as server, pytest.raises(WebError, match=r"status=503|timed out"):
        Web(pause=pauses.append).download(
            f"{server.url}/a.whl", tmp_path / "a.whl", accept="*/*", limit=1 << 20, seconds=0.3
        )
    assert pauses == []
