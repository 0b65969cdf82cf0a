"""`cictl projects icon`, against a real server and a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.screen import Screen
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

PROJECT = "version: 1\nproject: {name: shop}\npipelines: [{id: build, jobs: [{id: a, steps: [{run: make}]}]}]\n"
# The server looks at the beginning only; ASCII, so that captured text can be compared.
IMAGE = "BM pixels"


@pytest.fixture
def repository(tmp_path: Path, server: RunningServer, run: Run) -> Path:
    """The repository of shop, with a logo, which the server has imported."""
    path = make_repository(tmp_path / "repository", {"cictl.yaml": PROJECT, "art/logo.bmp": IMAGE})
    assert run("projects", "import", str(path)).code == 0
    return path


def test_image_goes_to_a_pipe_as_it_is(run: Run, repository: Path) -> None:
    ran = run("projects", "icon", "sh")
    assert (ran.code, ran.out, ran.err) == (0, IMAGE, "")


def test_image_goes_to_a_file(run: Run, repository: Path, tmp_path: Path) -> None:
    target = tmp_path / "shop.bmp"
    ran = run("projects", "icon", "shop", "--to", str(target))
    assert (ran.code, target.read_text()) == (0, IMAGE)
    assert ran.out.splitlines()[1].split() == [str(target), "image/bmp", "9", "B"]


def test_as_json_its_kind_and_size_are_shown(run: Run, repository: Path) -> None:
    found = run("projects", "icon", "shop", "-o", "json").json()
    assert found == {"project": "shop", "media_type": "image/bmp", "size_bytes": 9}


def test_file_that_exists_is_left_alone_without_force(run: Run, repository: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.write_text("mine")
    assert run("projects", "icon", "shop", "--to", str(target)).code == ExitCode.CONFLICT
    assert target.read_text() == "mine"
    assert run("projects", "icon", "shop", "--to", str(target), "--force").code == 0
    assert target.read_text() == IMAGE


def test_project_without_icon(run: Run, server: RunningServer) -> None:
    server.define("[{id: a, steps: [{run: make}]}]")
    ran = run("projects", "icon", "shop", "-o", "json")
    assert (ran.code, ran.out, ran.error()["code"]) == (ExitCode.NOT_FOUND, "", "not_found")
    assert ran.error()["message"] == "project shop has no icon"


def test_unknown_project(run: Run, repository: Path) -> None:
    ran = run("projects", "icon", "shopp")
    assert (ran.code, ran.out) == (ExitCode.NOT_FOUND, "")
    assert "did you mean shop?" in ran.err


def test_unreachable_server(run: Run, dead_url: str) -> None:
    ran = run("projects", "icon", "shop", "--server", dead_url)
    assert (ran.code, ran.out) == (ExitCode.UNREACHABLE, "")


def test_terminal_gets_no_image(showcase: Shop, home: Path) -> None:
    text = Screen(showcase.url, home).show("projects", "icon", "shop")
    assert "will not write an image to a terminal" in text
    assert showcase.gate.requests == ["GET /api/v1/projects"]
