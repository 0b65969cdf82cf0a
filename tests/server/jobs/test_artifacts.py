"""Artifacts: what may be uploaded, what becomes of it, and how it comes back."""

from __future__ import annotations

import base64
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import falcon.testing
import pytest
from cictl_testing.files import zipped
from cictl_testing.server import RunningServer

from cictl.wire.jobs import JobExecution
from cictl.wire.results.artifacts import ArtifactList
from cictl_server.blobs.contract import NewFolder
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.services.artifacts.limits import ArtifactLimits


@pytest.fixture
def job(server: RunningServer) -> JobExecution:
    server.enqueue()
    return server.running()


def upload(server: RunningServer, job_id: str, files: dict[str, bytes], agent: str = "a") -> falcon.testing.Result:
    entries = [{"path": path, "data_base64": base64.b64encode(data).decode()} for path, data in files.items()]
    return server.post(f"/api/v1/jobs/{job_id}/artifacts", {"agent_id": agent, "artifacts": entries})


def upload_zip(server: RunningServer, job_id: str, body: bytes, agent: str = "a") -> falcon.testing.Result:
    path = f"/api/v1/jobs/{job_id}/artifacts/upload-zip"
    return server.http.simulate_post(path, body=body, headers={"X-CIWI-Agent-ID": agent})


def paths(server: RunningServer, job_id: str) -> list[str]:
    listed = server.read(ArtifactList, f"/api/v1/jobs/{job_id}/artifacts").artifacts
    return [artifact.path for artifact in listed or []]


@pytest.mark.weakness("A8.3a")
def test_both_forms_store_files_and_list_them(server: RunningServer, job: JobExecution) -> None:
    files = {"b/x y#.txt": b"one", "a.bin": b"\0\xff"}
    for is_zip in (False, True):
        answer = upload_zip(server, job.id, zipped(files)) if is_zip else upload(server, job.id, files)
        assert answer.status_code == 200, answer.text
        assert [a["id"] for a in answer.json["artifacts"]] == [0, 0]
        assert paths(server, job.id) == ["b/x y#.txt", "a.bin"]
        url = answer.json["artifacts"][0]["url"]
        assert url == f"/artifacts/{job.id}/b/x%20y%23.txt"
        assert server.get(url).content == b"one"


def test_an_upload_replaces_the_list(server: RunningServer, job: JobExecution) -> None:
    upload(server, job.id, {"old": b"1", "both": b"1"})
    upload(server, job.id, {"both": b"2"})
    assert paths(server, job.id) == ["both"]
    assert server.get(f"/artifacts/{job.id}/both").content == b"2"
    assert server.get(f"/artifacts/{job.id}/old").status_code == 404


@pytest.mark.weakness("A8.2b")
def test_uploads_at_once_are_each_stored_whole(server: RunningServer, job: JobExecution) -> None:
    """As when an agent gave up on an answer and sends again."""
    uploads = [dict.fromkeys((f"{number}-a", f"{number}-b"), b"x" * 5000) for number in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(lambda files: upload(server, job.id, files), uploads))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert set(paths(server, job.id)) in [set(files) for files in uploads]
    for path in paths(server, job.id):
        assert server.get(f"/artifacts/{job.id}/{path}").content == b"x" * 5000


def test_reports_at_once_are_each_stored_whole(server: RunningServer, job: JobExecution) -> None:
    def report(number: int) -> int:
        counts = {"total": number, "passed": number, "failed": 0, "skipped": 0}
        coverage = {"format": "lcov", "total_lines": number} if number % 2 else None
        body = {"agent_id": "a", "report": {**counts, "coverage": coverage}}
        return server.post(f"/api/v1/jobs/{job.id}/tests", body).status_code

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert set(pool.map(report, range(1, 17))) == {200}
    stored = server.get(f"/api/v1/jobs/{job.id}/tests").json["report"]
    assert stored["total"] == server.job(job.id).test_summary.total  # type: ignore[union-attr]
    assert set(paths(server, job.id)) == {
        "test-report.json",
        *(["coverage-report.json"] if stored["total"] % 2 else []),
    }


@pytest.mark.weakness("A7.3b")
@pytest.mark.parametrize("kind", ["artifacts", "tests"])
def test_an_upload_that_is_overtaken_never_becomes_the_next_agents(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    server.enqueue()
    job = server.leased()

    def overtake() -> None:
        monkeypatch.undo()
        server.clock.step(45)
        server.services.jobs.expiry.run_once()
        assert server.running("b").id == job.id

    new_folder = DirectoryBlobs.new_folder

    def overtake_and_begin(blobs: DirectoryBlobs, prefix: str) -> AbstractContextManager[NewFolder]:
        overtake()
        return new_folder(blobs, prefix)

    monkeypatch.setattr(DirectoryBlobs, "new_folder", overtake_and_begin)
    if kind == "artifacts":
        answer = upload(server, job.id, {"late": b"1"})
    else:
        answer = server.post(f"/api/v1/jobs/{job.id}/tests", {"agent_id": "a", "report": {"total": 1}})
    assert (answer.status_code, answer.text) == (409, "job is leased by another agent\n")
    assert paths(server, job.id) == []
    assert not list(server.directory.rglob("*late")) + list(server.directory.rglob("test-report.json"))


@pytest.mark.parametrize("body", [b"", zipped({})], ids=["no bytes", "an empty zip"])
def test_an_upload_of_nothing_clears_the_list(server: RunningServer, job: JobExecution, body: bytes) -> None:
    upload(server, job.id, {"old": b"1"})
    answer = upload_zip(server, job.id, body)
    assert (answer.status_code, answer.json) == (200, {"artifacts": None})
    assert paths(server, job.id) == []


@pytest.mark.weakness("A8.2a")
@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "/x", "../x", "a/../../x", "..\\x", "C:\\x", "c:/x", "a\0b", "a/../..", "\\\\host\\x", "x" * 300],
)
def test_unsafe_paths_are_refused_and_nothing_is_stored(server: RunningServer, job: JobExecution, path: str) -> None:
    upload(server, job.id, {"kept": b"1"})
    answer = upload(server, job.id, {"good": b"1", path: b"2"})
    assert (answer.status_code, answer.text) == (400, f'invalid artifact path: "{path}"\n')
    assert paths(server, job.id) == ["kept"]
    assert not list((server.directory / "artifacts").rglob("good"))


@pytest.mark.parametrize(
    ("path", "stored"), [("./a//b", "a/b"), ("d/../x.txt", "x.txt"), ("a\\b.txt", "a/b.txt"), ("a..", "a..")]
)
def test_paths_are_cleaned(server: RunningServer, job: JobExecution, path: str, stored: str) -> None:
    assert upload(server, job.id, {path: b"1"}).status_code == 200
    assert paths(server, job.id) == [stored]


@pytest.mark.weakness("A8.2a")
@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a": b"1", "./a": b"2"}, id="the same path twice"),
        pytest.param({"a": b"1", "a/b": b"2"}, id="a file below a file"),
    ],
)
def test_lists_that_no_directory_can_hold_are_refused(
    server: RunningServer, job: JobExecution, files: dict[str, bytes]
) -> None:
    assert upload(server, job.id, files).status_code == 400
    assert paths(server, job.id) == []


@pytest.mark.parametrize("keeps_case", [True, False])
def test_names_that_differ_in_case_only_are_kept_where_the_disk_can(
    server: RunningServer, job: JobExecution, keeps_case: bool
) -> None:
    vars(server.services.core.blobs)["keeps_case"] = keeps_case  # tests run where it can
    answer = upload_zip(server, job.id, zipped({"README": b"1", "readme": b"2"}))
    assert answer.status_code == (200 if keeps_case else 400)
    assert paths(server, job.id) == (["README", "readme"] if keeps_case else [])


@pytest.mark.parametrize("path", ["12:30.log", "a:b", "con.txt", "x" * 255, "/".join(["d"] * 64), "a?*"])
def test_names_that_only_windows_forbids_are_kept(server: RunningServer, job: JobExecution, path: str) -> None:
    assert upload_zip(server, job.id, zipped({path: b"1"})).status_code == 200
    assert paths(server, job.id) == [path]


@pytest.mark.weakness("A8.2a")
@pytest.mark.parametrize("path", ["d/" * 64 + "f", "/".join(["y" * 200] * 6), "d/" * 2040 + "f"])
def test_deep_and_long_names_are_refused(server: RunningServer, job: JobExecution, path: str) -> None:
    for answer in (upload(server, job.id, {path: b"1"}), upload_zip(server, job.id, zipped({path: b"1"}))):
        assert answer.status_code == 400
        assert answer.text.startswith('invalid artifact path: "')
        assert len(answer.text) < 1100


def test_a_name_that_the_disk_refuses_is_a_bad_name(tmp_path: Path) -> None:
    """As in a data directory whose own path is long already."""
    server = RunningServer(tmp_path.joinpath(*["d" * 250] * 13))
    server.enqueue()
    job = server.running()
    path = "/".join(["x" * 250] * 4)
    answer = upload(server, job.id, {"short": b"1", path: b"2"})
    assert (answer.status_code, answer.text) == (400, f'invalid artifact path: "{path[:500]}…"\n')
    assert not list((server.directory / "artifacts").iterdir())
    server.close()


def limit(server: RunningServer, **limits: int) -> None:
    server.services.artifacts.artifacts._limits = ArtifactLimits(**limits)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"files": 1}, "2 artifacts; the limit --max-artifact-files is 1"),
        ({"total_bytes": 2000}, "artifacts of 2.0 KiB; the limit --max-artifacts is 2.0 KiB"),
    ],
)
def test_a_limit_is_named_and_nothing_is_stored(
    server: RunningServer, job: JobExecution, limits: dict[str, int], text: str, is_zip: bool
) -> None:
    limit(server, **limits)
    files = {"a": b"x" * 1000, "b": b"x" * 1024}
    answer = upload_zip(server, job.id, zipped(files)) if is_zip else upload(server, job.id, files)
    assert (answer.status_code, answer.text) == (413, text + "\n")
    assert paths(server, job.id) == []


def test_all_jobs_of_a_project_have_a_limit_together(server: RunningServer) -> None:
    limit(server, project_bytes=25)
    pipeline = server.define('[{id: work, steps: [{run: "true"}]}]')
    for status in (200, 200, 413):
        server.run(pipeline)
        job_id = server.running().id
        files = {"agent_id": "a", "artifacts": [{"path": "f", "data_base64": "MDEyMzQ1Njc4OQ=="}]}
        for _ in range(2):  # an upload takes the place of the one before
            answer = server.post(f"/api/v1/jobs/{job_id}/artifacts", files)
            assert answer.status_code == status, answer.text
        server.report(job_id, "succeeded")
    assert answer.text == "artifacts of 30 B of one project; the limit --max-project-artifacts is 25 B\n"
    assert not list((server.directory / "artifacts" / job_id).glob("*"))
    server.restart()
    with server.store.read() as view:
        assert view.artifacts.bytes_of_project("1") == 20


def test_limits_can_be_switched_off(server: RunningServer, job: JobExecution) -> None:
    limit(server, files=0, total_bytes=0)
    assert upload_zip(server, job.id, zipped({"a": b"1", "b": b"2"})).status_code == 200


@pytest.mark.parametrize(
    ("job_id", "agent", "code", "text"),
    [
        (None, " ", 400, "agent_id is required"),
        (None, "b", 409, "job is leased by another agent"),
        ("job-7", "a", 404, "job not found"),
    ],
)
def test_refusals(
    server: RunningServer, job: JobExecution, job_id: str | None, agent: str, code: int, text: str
) -> None:
    for answer in (
        upload(server, job_id or job.id, {"x": b"1"}, agent),
        upload_zip(server, job_id or job.id, zipped({"x": b"1"}), agent),
    ):
        assert (answer.status_code, answer.text) == (code, text + "\n")


def test_archives(server: RunningServer, job: JobExecution) -> None:
    upload(server, job.id, {"out/b": b"2", "out/a": b"1", "output": b"3"})

    def names(answer: falcon.testing.Result) -> list[str]:
        assert answer.headers["Content-Type"] == "application/zip"
        return zipfile.ZipFile(io.BytesIO(answer.content)).namelist()

    base = f"/api/v1/jobs/{job.id}/artifacts"
    assert names(server.get(f"{base}/download-all")) == ["out/a", "out/b", "output"]
    below = server.get(f"{base}/download", query_string="prefix=out/")
    assert names(below) == ["out/a", "out/b"]
    assert below.headers["Content-Disposition"] == f'attachment; filename="{job.id}-out-artifacts.zip"'
    for prefix, code, text in (
        ("", 400, "invalid prefix"),
        ("%20%20", 400, "invalid prefix"),
        ("../x", 400, "invalid prefix"),
        ("no", 404, "artifact directory not found"),
    ):
        answer = server.get(f"{base}/download", query_string=f"prefix={prefix}")
        assert (answer.status_code, answer.text) == (code, text + "\n")


def test_an_archive_passes_over_what_is_gone_from_the_disk(server: RunningServer, job: JobExecution) -> None:
    upload(server, job.id, {"gone": b"1", "there": b"2"})
    [gone] = (server.directory / "artifacts").rglob("gone")
    gone.unlink()
    answer = server.get(f"/api/v1/jobs/{job.id}/artifacts/download-all")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["there"]


def test_unknown_executions_have_empty_lists_and_archives(server: RunningServer) -> None:
    assert paths(server, "job-9") == []
    assert server.get("/api/v1/jobs/job-9/artifacts/download-all").status_code == 200


@pytest.mark.weakness("A8.3b")
@pytest.mark.parametrize("path", ["", "no", "../../state.json", "%2e%2e/%2e%2e/state.json", "1/x"])
def test_only_listed_files_are_served(server: RunningServer, job: JobExecution, path: str) -> None:
    upload(server, job.id, {"x": b"1"})
    assert server.get(f"/artifacts/{job.id}/{path}").status_code == 404


@pytest.mark.weakness("A8.3b")
def test_downloads_cannot_run_in_a_browser(server: RunningServer, job: JobExecution) -> None:
    upload(server, job.id, {"page.html": b"<script>"})
    headers = server.get(f"/artifacts/{job.id}/page.html").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in headers["Content-Security-Policy"]


def test_the_name_of_a_download_shows_its_real_ending(server: RunningServer, job: JobExecution) -> None:
    """A browser would show `invoice\u202efdp.exe` as `invoiceexe.pdf`."""
    upload(server, job.id, {"out/invoice\u202efdp\x9b.exe": b"1"})
    answer = server.get(f"/artifacts/{job.id}/out/invoice%E2%80%AEfdp%C2%9B.exe")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''invoice_fdp_.exe"


def test_reports_are_added_to_the_list(server: RunningServer, job: JobExecution) -> None:
    report: dict[str, Any] = {"total": 2, "passed": 1, "failed": 1, "skipped": 0, "coverage": {"format": "lcov"}}
    answer = server.post(f"/api/v1/jobs/{job.id}/tests", {"agent_id": "a", "report": report})
    assert answer.json["report"]["failed"] == 1
    upload(server, job.id, {"z": b"1"})
    assert paths(server, job.id) == ["coverage-report.json", "test-report.json", "z"]
    assert server.get(f"/artifacts/{job.id}/test-report.json").json["total"] == 2
    assert server.job(job.id).test_summary is not None
    server.post(f"/api/v1/jobs/{job.id}/tests", {"agent_id": "a", "report": {"total": 1, "passed": 1}})
    assert paths(server, job.id) == ["test-report.json", "z"]


def test_without_a_report_there_are_no_tests(server: RunningServer) -> None:
    zero = {"report": {"total": 0, "passed": 0, "failed": 0, "skipped": 0}}
    assert server.get("/api/v1/jobs/job-3/tests").json == zero
