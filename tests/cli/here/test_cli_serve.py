"""What `cictl serve` makes of its options, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from cictl_testing.processes import Process

from cictl.cli.commands.here.serve import _address, _program, _size
from cictl_client import Client


@pytest.mark.parametrize(
    ("host", "port", "environment", "expected"),
    [
        pytest.param(None, None, {}, ("127.0.0.1", 8112), id="nothing"),
        pytest.param("::1", 0, {"CICTL_SERVER_ADDR": "10.0.0.1:9000"}, ("::1", 0), id="flags win"),
        pytest.param(None, 9, {"CICTL_SERVER_ADDR": "10.0.0.1:9000"}, ("10.0.0.1", 9), id="each for itself"),
        pytest.param(None, None, {"CIWI_SERVER_ADDR": ":9000"}, ("0.0.0.0", 9000), id="every address"),
        pytest.param(None, None, {"CIWI_SERVER_ADDR": "9000"}, ("127.0.0.1", 9000), id="a port alone"),
        pytest.param(None, None, {"CICTL_SERVER_ADDR": "[::1]:9000"}, ("[::1]", 9000), id="version 6"),
        pytest.param(
            None,
            None,
            {"CICTL_SERVER_ADDR": "a:1", "CIWI_SERVER_ADDR": "b:2"},
            ("a", 1),
            id="our name wins",
        ),
    ],
)
def test_the_address(
    host: str | None,
    port: int | None,
    environment: dict[str, str],
    expected: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("CICTL_SERVER_ADDR", "CIWI_SERVER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _address(host, port) == expected


@pytest.mark.parametrize("text", ["localhost", "localhost:", "localhost:http", "localhost:70000", ":-1"])
def test_an_address_that_is_none_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_SERVER_ADDR", text)
    with pytest.raises(typer.BadParameter, match="is not host:port, :port or port") as refused:
        _address(None, None)
    assert refused.value.param_hint == "CICTL_SERVER_ADDR"


def test_a_size_that_is_none_names_its_option() -> None:
    with pytest.raises(typer.BadParameter, match="'8GB' is no size") as refused:
        _size("8GB", "--max-artifacts")
    assert refused.value.param_hint == "--max-artifacts"
    assert _size("2GiB", "--max-artifacts") == 2 << 30


def test_a_program_that_may_be_told_has_a_name_and_a_place(tmp_path: Path) -> None:
    program = tmp_path / "mail"
    program.touch()
    assert _program(f"mail={program}") == ("mail", program)
    for text in (str(program), f"={program}", "mail=mail", f"mail={tmp_path}/none"):
        with pytest.raises(typer.BadParameter, match="is not NAME=PATH with the absolute path of a program"):
            _program(text)


@pytest.mark.parametrize(("chosen", "answers"), [("", "granian"), ("waitress", "waitress")])
def test_granian_is_chosen_by_itself_and_named(tmp_path: Path, chosen: str, answers: str) -> None:
    told = {"CICTL_SERVER_KIND": chosen}
    server = Process("serve", "--port", "0", "--data-dir", "data", environment=told, directory=tmp_path)
    try:
        url, *_, last = server.wait_for_line(" serves ").partition(" serves ")[2].split(", ")
        assert last == f"answered by {answers}\n"
        with Client(url) as client:
            assert client.server_info().served_by == answers
    finally:
        server.stop()


def test_many_signals_are_one(tmp_path: Path) -> None:
    server = Process("serve", "--port", "0", "--data-dir", "data", environment={}, directory=tmp_path)
    try:
        server.wait_for_line("serves http")
        while server.process.poll() is None:
            server.process.terminate()
        assert server.wait() == 0, server.output
    finally:
        server.stop()
