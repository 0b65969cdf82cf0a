"""What jobs ask for and agents offer, with real processes: a tool that no agent looks for by itself, and a label."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace

README = Path(__file__).parents[2] / "README.md"
PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: tools
    vcs_source: {repo: "%s", ref: main}
    jobs:
      - {id: t, requires: {tools: {brewer: ">=3.11,<4"}}, steps: [{run: brewer --version}]}
  - id: gpu
    vcs_source: {repo: "%s", ref: main}
    jobs:
      - {id: g, runs_on: {gpu: a100}, requires: {tools: {brewer: ">=3.11"}}, steps: [{run: brewer --version}]}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """A server with the project, for agents that have a tool of ours."""
    brewer = tmp_path / "bin" / "brewer"
    brewer.parent.mkdir()
    brewer.write_text("#!/bin/sh\necho Brewer 3.11.2\n")
    brewer.chmod(0o755)
    place = Workplace(tmp_path, environment={"PATH": f"{brewer.parent}{os.pathsep}{os.environ['PATH']}"})
    repository = tmp_path / "repository"
    make_repository(repository, {"cictl.yaml": PROJECT.replace("%s", str(repository))})
    place.ok("projects", "import", str(repository))
    yield place
    place.close()


def test_agents_find_what_waiting_jobs_need_and_labels_do_what_explain_says(place: Workplace) -> None:
    place.ok("run", "shop/tools")
    [waiting] = place.ok("jobs", "list", "-o", "name").split()
    place.start_agent("builder")
    assert place.cictl("jobs", "watch", waiting).returncode == 0

    place.ok("run", "shop/gpu")
    waiting = place.ok("jobs", "list", "-o", "name").split()[0]
    found = json.loads(place.ok("jobs", "explain", waiting, "-o", "json"))
    [fix] = found["fixes"]
    assert found["summary"] == "no agent has label gpu=a100"
    for text in (found["summary"], *(unmet["text"] for unmet in found["agents"][0]["unmet"]), fix["command"]):
        assert text in README.read_text(), "the README shows this example"
    program, verb, *options = fix["command"].split()
    assert (program, verb) == ("cictl", "run-agent")
    place.start_agent("trainer", *options)
    assert place.cictl("jobs", "watch", waiting).returncode == 0
    assert place.ok("jobs", "show", waiting, "--query", "job_execution.leased_by_agent_id", "-o", "name") == "trainer\n"
