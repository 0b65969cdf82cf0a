"""The README: what it shows of a terminal is what a terminal shows, and its example is a project file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.pages import Command, steps
from cictl_testing.readers import Reader

from cictl.project_file.reading import read_warnings

PAGE = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SHOP = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: self}
    jobs:
      - {id: ok, steps: [{run: sleep 1}]}
      - {id: bad, steps: [{run: echo warm}, {run: "echo \\"the reason is here\\"\\nexit 7"}]}
      - {id: after, needs: [bad], steps: [{run: echo never}]}
  - id: gpu
    jobs: [{id: g, runs_on: {gpu: a100}, steps: [{run: nvidia-smi}]}]
"""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    make_repository(tmp_path / "shop", {"cictl.yaml": SHOP})
    yield made
    made.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_it_looks_like(reader: Reader) -> None:
    reader.type(Command("cictl serve", ["…"]))
    reader.type(Command("cictl run-agent --id builder", ["…"]))
    reader.follow(PAGE)


def test_the_session_has_commands() -> None:
    assert len(list(steps(PAGE))) == 4


def test_the_example_is_a_project_file() -> None:
    [example] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert read_warnings(example, config_file="cictl.yaml") == ()
