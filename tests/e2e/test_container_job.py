"""A job in a container, from the project file to its artifact; the engine is a stand-in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cictl_testing.agents.engine import StandInEngine
from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    vcs_source: {{repo: {repository}, ref: main}}
    jobs:
      - id: make
        runs_on: {{container_image: "img:1", container_workdir: /src}}
        requires: {{container: {{tools: {{git: ">=2"}}}}}}
        artifacts: ["made"]
        steps:
          - run: cat source > made
          - run: echo "$GREETING, $CICTL_JOB_EXECUTION_ID"; exit 4
            env: {{GREETING: hello}}
"""


def test_job_in_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = StandInEngine(tmp_path / "engine")
    monkeypatch.setenv("PATH", f"{engine.bin_dir}{os.pathsep}{os.environ['PATH']}")
    repository = tmp_path / "repository"
    make_repository(repository, {"cictl.yaml": PROJECT.format(repository=repository), "source": "text\n"})
    (tmp_path / "place").mkdir()
    workplace = Workplace(tmp_path / "place")
    try:
        workplace.start_agent()
        workplace.ok("projects", "import", str(repository))
        assert workplace.cictl("run", "shop/build", "--wait").returncode == 3
        [job_id] = workplace.ok("jobs", "list", "-o", "name").split()
        log = workplace.ok("jobs", "logs", job_id)
        assert "pulling img:1" in log
        assert f"\nhello, {job_id}\n" in log
        assert '"path": "made"' in workplace.ok("jobs", "artifacts", job_id, "-o", "json")
    finally:
        workplace.close()
    assert [call.arguments[3] for call in engine.called("exec") if "-i" in call.arguments] == ["/src"] * 2
    assert engine.containers == []
