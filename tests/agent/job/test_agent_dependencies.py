from __future__ import annotations

import stat
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from cictl_testing.files import zipped
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl_agent.job.dependencies import UnsafePath, dependency_ids, restore_dependencies, safe_target
from cictl_agent.log.file_listing import Listing
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.platforms.posix import Linux
from cictl_client import Client


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "workspace" / "src"
    path.mkdir(parents=True)
    return path


def restore(server: ScriptedServer, ids: list[str], directory: Path, log: JobLog) -> None:
    with Client(server.url) as client:
        restore_dependencies(
            ids,
            client=client,
            directory=directory,
            log=log,
            interruption=Interruption(),
            listing=Listing(),
            platform=Linux(),
        )


@pytest.mark.parametrize(
    ("environment", "ids"),
    [
        pytest.param({}, [], id="none"),
        pytest.param({"CIWI_DEP_ARTIFACT_JOB_ID": "a"}, ["a"], id="one"),
        pytest.param({"CIWI_DEP_ARTIFACT_JOB_IDS": "a, b,,a"}, ["a", "b"], id="list"),
        pytest.param({"CIWI_DEP_ARTIFACT_JOB_IDS": "b,c", "CIWI_DEP_ARTIFACT_JOB_ID": "a"}, ["b", "c", "a"], id="both"),
    ],
)
def test_ids(environment: dict[str, str], ids: list[str]) -> None:
    assert dependency_ids(environment) == ids


def test_later_dependencies_overwrite_earlier_ones(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies = {"a": zipped({"f": b"a", "g": b"a"}), "b": zipped({"f": b"b"})}
    restore(server, ["a", "b"], directory, log)
    assert ((directory / "f").read_text(), (directory / "g").read_text()) == ("b", "a")


@pytest.mark.weakness("A12.6")
def test_permission_bits_are_kept(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies["a"] = zipped({"bin/tool": b""}, mode=0o755)
    restore(server, ["a"], directory, log)
    assert stat.S_IMODE((directory / "bin/tool").stat().st_mode) == 0o755


def test_entries_without_bits_are_plain_files(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("f")
        archive.writestr(entry, "x")
        entry.external_attr = 0
    server.dependencies["a"] = buffer.getvalue()
    restore(server, ["a"], directory, log)
    assert stat.S_IMODE((directory / "f").stat().st_mode) == 0o644


@pytest.mark.weakness("A12.6")
def test_reports_that_the_server_adds_are_left_out(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies["a"] = zipped({"test-report.json": b"", "coverage-report.json": b"", "f": b""})
    restore(server, ["a"], directory, log)
    assert [path.name for path in directory.iterdir()] == ["f"]


def test_nothing_to_restore_is_fine_and_downloads_nothing(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies["a"] = zipped({})
    restore(server, ["a"], directory, log)
    assert server.requests == ["GET jobs/a/artifacts"]


def test_names_that_lead_out_are_skipped_and_logged(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies["a"] = zipped({"../evil": b"", "good": b""})
    restore(server, ["a"], directory, log)
    assert not (directory.parent / "evil").exists()
    assert (directory / "good").exists()
    assert "skipped '../evil'" in log.tail(1000)


def test_links_are_skipped(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies["a"] = zipped({"link": b"/etc/passwd"}, mode=0o120777 & 0o777)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    server.dependencies["a"] = buffer.getvalue()
    restore(server, ["a"], directory, log)
    assert list(directory.iterdir()) == []
    assert "skipped link: it is a link" in log.tail(1000)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a\\..\\..\\x",
        "C:/x",
        "out/f",
        ".git/config",
        "a/.git",
        ".GIT/hooks/x",
        ".git./x",
        "git~1/config",
    ],
)
def test_unsafe_targets(directory: Path, name: str) -> None:
    (directory / "out").symlink_to("/tmp")
    with pytest.raises(UnsafePath):
        safe_target(directory, name)


def test_link_inside_the_tree_is_replaced_not_written_through(
    server: ScriptedServer, directory: Path, log: JobLog
) -> None:
    outside = directory.parent / "outside"
    outside.write_text("untouched")
    (directory / "f").symlink_to(outside)
    server.dependencies["a"] = zipped({"f": b"new"})
    restore(server, ["a"], directory, log)
    assert outside.read_text() == "untouched"
    assert (directory / "f").read_text() == "new"
