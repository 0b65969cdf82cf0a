from __future__ import annotations

import os
import stat
import zipfile
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import pytest
from cictl_testing.files import zipped
from cictl_testing.servers.scripted_server import ScriptedServer

from cictl.base.names.artifact_paths import link_entry
from cictl_agent.job.dependencies import UnsafePath, dependency_ids, restore_dependencies, safe_target
from cictl_agent.job.warnings import Warnings
from cictl_agent.log.file_listing import Listing
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interrupted, Interruption, StopReason
from cictl_agent.system.platforms import Platform
from cictl_agent.system.platforms.posix import Linux
from cictl_agent.system.platforms.windows import Windows
from cictl_client import Client


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "workspace" / "src"
    path.mkdir(parents=True)
    return path


class AfterOneLook(Interruption):
    """An order that is given between the first look and the second."""

    def check(self) -> None:
        super().check()
        self.give(StopReason.TIMED_OUT)


def restore(
    server: ScriptedServer,
    ids: list[str],
    directory: Path,
    log: JobLog,
    platform: Platform | None = None,
    interruption: Interruption | None = None,
) -> list[str]:
    """Restore artifacts, and return the warnings."""
    warnings = Warnings(log)
    with Client(server.url) as client:
        restore_dependencies(
            ids,
            client=client,
            directory=directory,
            scratch_dir=directory.parent,
            warnings=warnings,
            interruption=interruption or Interruption(),
            listing=Listing(),
            platform=platform or Linux(),
        )
    return warnings.report()


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


def test_a_download_ends_with_the_jobs_time(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies["a"] = zipped({"f": b"a"})
    with pytest.raises(Interrupted):
        restore(server, ["a"], directory, log, interruption=AfterOneLook())
    assert not list(directory.iterdir())


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
    assert restore(server, ["a"], directory, log) == ["skipped '../evil' of a: the name leads out of the directory"]
    assert not (directory.parent / "evil").exists()
    assert (directory / "good").exists()
    assert "skipped '../evil'" in log.tail(1000)


def linking(files: dict[str, bytes], links: dict[str, str]) -> bytes:
    """Return a zip with links before the files."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, target in links.items():
            archive.writestr(link_entry(name), target)
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_links_to_restored_files_are_links(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    links = {"lib/x.so": "x.so.1", "lib/x.so.1": "x.so.1.2", "bin/x": "../lib/x.so"}
    server.dependencies["a"] = linking({"lib/x.so.1.2": b"code"}, links)
    assert restore(server, ["a"], directory, log) == []
    assert {name: str((directory / name).readlink()) for name in links} == links
    assert (directory / "bin" / "x").read_bytes() == b"code"


def test_large_files_come_whole_with_their_mode(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    noise = os.urandom(3 << 20)
    before = set(directory.parent.iterdir())
    server.dependencies["a"] = zipped({"bin/tool": noise, "../out": noise, "zeros": bytes(2 << 20)}, mode=0o755)
    assert len(restore(server, ["a"], directory, log)) == 1
    assert (directory / "bin" / "tool").read_bytes() == noise
    assert (directory / "bin" / "tool").stat().st_mode & 0o777 == 0o755
    assert (directory / "zeros").read_bytes() == bytes(2 << 20)
    assert set(directory.parent.iterdir()) - before <= {directory}


def test_links_are_asked_for_only_where_they_can_be_made(
    server: ScriptedServer, directory: Path, log: JobLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    download_all = Client.download_all

    def note(client: Client, job_id: str, sink: IO[bytes], **options: Any) -> int:
        asked.append(options["links"])
        return download_all(client, job_id, sink, **options)

    monkeypatch.setattr(Client, "download_all", note)
    server.dependencies["a"] = zipped({"f": b""})
    for platform in (Linux(), Windows()):
        restore(server, ["a"], directory, log, platform)
    assert asked == [True, False]


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "../../x", "nowhere", "link", ".git/config", "x" * 5000]
)
def test_other_links_are_skipped(server: ScriptedServer, directory: Path, log: JobLog, target: str) -> None:
    (directory.parent / "outside").write_text("untouched")
    (directory / ".git").mkdir()
    (directory / ".git" / "config").write_text("untouched")
    server.dependencies["a"] = linking({"f": b"1"}, {"link": target})
    assert restore(server, ["a"], directory, log) == [
        "skipped 'link' of a: it is a link, and leads to none of the restored files"
    ]
    assert not (directory / "link").is_symlink()


def test_link_is_never_written_through(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    """A server may send a link first, and then a file of the same name, or one below it."""
    outside = directory.parent / "outside"
    outside.mkdir()
    server.dependencies["a"] = linking({"d/f": b"evil", "f": b"1"}, {"d": "../outside"})
    restore(server, ["a"], directory, log)
    assert list(outside.iterdir()) == []
    assert (directory / "d" / "f").read_bytes() == b"evil"


def test_link_that_a_link_of_the_checkout_would_lead_out_is_skipped(
    server: ScriptedServer, directory: Path, log: JobLog
) -> None:
    (directory / "deep").symlink_to(".")
    server.dependencies["a"] = linking({"f": b"1"}, {"deep/link": "../f"})
    assert restore(server, ["a"], directory, log) == [
        "skipped 'deep/link' of a: the link would lead out of the directory"
    ]


@pytest.mark.parametrize("name", ["12:30.log", "a:b", "con", "x" * 255])
def test_names_that_only_windows_forbids_are_restored(
    server: ScriptedServer, directory: Path, log: JobLog, name: str
) -> None:
    server.dependencies["a"] = zipped({name: b"1", "good": b"2"})
    assert restore(server, ["a"], directory, log) == []
    assert (directory / name).read_bytes() == b"1"


def test_name_that_the_disk_refuses_costs_the_others_nothing(
    server: ScriptedServer, directory: Path, log: JobLog
) -> None:
    server.dependencies["a"] = zipped({"x" * 300: b"1", "good": b"2"})
    assert restore(server, ["a"], directory, log) == [f"skipped '{'x' * 300}' of a: File name too long"]
    assert (directory / "good").read_bytes() == b"2"


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


def test_a_file_that_is_replaced_by_another_is_told(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    tracked = {f"src/{name}": b"tracked" for name in "abcdefg"}
    for name, content in tracked.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    server.dependencies = {"a": zipped({**dict.fromkeys(tracked, b"kept"), "new": b""}), "b": zipped({"new": b"b"})}
    assert restore(server, ["a", "b"], directory, log) == [
        "a: replaced src/a, src/b, src/c, src/d, src/e and 2 more, which had other content",
        "b: replaced new, which had other content",
    ]


def test_a_file_that_is_replaced_by_itself_is_not_told(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies = dict.fromkeys("ab", linking({"f": b"same"}, {"link": "f"}))
    assert restore(server, ["a", "b"], directory, log) == []


def test_a_link_that_leads_elsewhere_is_told(server: ScriptedServer, directory: Path, log: JobLog) -> None:
    server.dependencies = {name: linking({"f": b"", "g": b""}, {"link": target}) for name, target in ("af", "bg")}
    assert restore(server, ["a", "b"], directory, log) == ["b: replaced link, which had other content"]
