"""Settings in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.processes import Process
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl_agent.config import ConfigError
from cictl_agent.envfile import load_env_file, parse_env_file


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        pytest.param("A=1\nB = 2 \r\n", {"A": "1", "B": "2"}, id="plain"),
        pytest.param("# A=1\n\n  # B=2\nno equals\n=3\n", {}, id="nothing"),
        pytest.param(
            "A=\"a b\"\nB='c'\nC=\"\nD=''\nE=\"'x'\"",
            {"A": "a b", "B": "c", "C": '"', "D": "", "E": "'x'"},
            id="quotes",
        ),
        pytest.param("A=x=y#z", {"A": "x=y#z"}, id="value-with-signs"),
        pytest.param("A=1\nA=2", {"A": "2"}, id="twice"),
    ],
)
def test_grammar(text: str, variables: dict[str, str]) -> None:
    assert parse_env_file(text) == variables


def test_real_environment_wins_also_when_it_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "agent.env"
    file.write_bytes("\ufeffA=file\nB=file\nC=grün\n".encode())
    environment = {"A": "real", "B": ""}
    assert load_env_file(environment, file) == file
    assert environment == {"A": "real", "B": "", "C": "grün"}


def test_default_may_be_missing_but_what_was_named_may_not(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert load_env_file({}, missing) is None
    assert load_env_file({}, None) is None
    with pytest.raises(ConfigError, match="cannot read the environment file"):
        load_env_file({"CIWI_AGENT_ENV_FILE": str(missing)}, None)


def test_agent_takes_its_settings_and_its_jobs_theirs_from_the_file(server: ScriptedServer, tmp_path: Path) -> None:
    lines = ("CICTL_AGENT_ID=from-file", f"CIWI_SERVER_URL='{server.url}'", f"CICTL_AGENT_WORKDIR={tmp_path}/w", "X=y")
    (tmp_path / "agent.env").write_text("\n".join(lines))
    environment = {"CICTL_AGENT_ENV_FILE": str(tmp_path / "agent.env")}
    agent = Process("run-agent", environment=environment, directory=tmp_path)
    agent.wait_for_line(f"agent from-file polling {server.url}, work in {tmp_path}/w")
    job = server.finished(server.enqueue(script='echo "X is $X"'))
    agent.stop()
    assert job.text.endswith("X is y\n")
