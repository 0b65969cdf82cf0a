"""`cictl run-agent`: where it takes its server and its token from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cictl.cli.commands.here.run_agent import of_context
from cictl_agent.config import ConfigError
from tests.cli.conftest import Run

ELSEWHERE = "http://ci.example.com"


@pytest.fixture
def prod(run: Run, tmp_path: Path) -> Path:
    """A context with a token in a file."""
    token = tmp_path / "token"
    token.write_text("secret")
    assert run("context", "set", "prod", "--server", "http://127.0.0.1:1", "--token-file", str(token)).code == 0
    return token


def test_a_context_gives_server_and_token(prod: Path) -> None:
    server, token_file, _ = of_context("prod", os.environ, server="", token_file=None)
    assert (server, token_file) == ("http://127.0.0.1:1", prod)


def test_a_token_of_a_context_goes_to_its_server_only(prod: Path) -> None:
    server, token_file, _ = of_context("prod", os.environ, server=ELSEWHERE, token_file=None)
    assert (server, token_file) == (ELSEWHERE, None)


def test_an_unknown_context_is_told(prod: Path) -> None:
    with pytest.raises(ConfigError, match="no context 'test'"):
        of_context("test", os.environ, server="", token_file=None)


def test_a_server_before_the_command_is_its_server(run: Run, tmp_path: Path) -> None:
    ended = run("--server", "ftp://nowhere", "run-agent", "--work-dir", str(tmp_path / "work"))
    assert (ended.code, ended.err) == (1, "error: not an http or https URL: 'ftp://nowhere'\n")


def test_a_command_that_takes_no_server_refuses_one(run: Run) -> None:
    ended = run("--server", "http://127.0.0.1:1", "serve")
    assert (ended.code, ended.err.splitlines()[0]) == (2, "error: serve takes no --server")
