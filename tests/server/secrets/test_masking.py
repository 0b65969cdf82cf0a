"""What the server hides of what agents send: the values of a lease never reach its disk or a reader."""

from __future__ import annotations

import base64
import gc
import hashlib
import io
import json
import threading
import zipfile
from pathlib import Path

import msgspec
import pytest
from cictl_testing.server import RunningServer
from hypothesis import given, settings
from hypothesis import strategies as st

from cictl.base.log_output import LogFormatter
from cictl.base.names.artifact_paths import link_entry
from cictl.redaction import Cover
from cictl.wire.agents import StatusRequest
from cictl.wire.jobs import CacheStat, Source, Step, StepEvent
from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl.wire.results.reports import Coverage, CoverageFile, TestCase, TestReport, TestReportUpload, TestSuite
from cictl_server.errors import LogGap
from cictl_server.log_writer.files import FileLogs
from cictl_server.services.core.ids import job_number
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.snapshots import SNAPSHOT_LIMIT
from cictl_server.services.secrets.masks import Mask, Masks
from cictl_server.services.secrets.sensitive import SensitiveValues
from cictl_server.store.contract import Transaction

SECRET = "hunter22"


@pytest.fixture
def job_id(server: RunningServer) -> str:
    """A running execution that got the secret with its lease."""
    server.enqueue()
    job = server.leased()
    server.services.secrets.sensitive.remember(job.id, [SECRET])
    assert server.report(job.id, "running").status_code == 200
    return job.id


def replace(logs: LogBook, snapshot: bytes) -> None:
    """Store *snapshot* as a report does."""
    written = logs.continue_by("job-1", snapshot)
    if written.other is not None:
        logs.overwrite("job-1", written, is_last=False)


def append(server: RunningServer, job_id: str, text: str, *, offset: int, status: str = "running") -> None:
    answer = server.report(job_id, status, output_append=text, output_offset=offset)
    assert answer.status_code == 200, answer.text


def masked_logs(directory: Path, values: list[str]) -> LogBook:
    sensitive = SensitiveValues()
    sensitive.remember("job-1", values)
    return LogBook(FileLogs(directory), Masks(sensitive))


@pytest.mark.weakness("V12")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 99])
def test_a_secret_in_appended_pieces_is_overwritten_in_place(server: RunningServer, job_id: str, size: int) -> None:
    text = "é say hunter22 and hunter2\n"
    offset = 0
    for at in range(0, len(text), size):
        append(server, job_id, text[at : at + size], offset=offset)
        offset += len(text[at : at + size].encode())
    assert server.log(job_id).decode() == "é say ******** and hunter2\n"
    assert SECRET.encode() not in server.stored()


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text("abé", min_size=1, max_size=5), min_size=1, max_size=3), st.lists(st.text("abéd", max_size=6)))
def test_the_log_does_not_depend_on_its_pieces(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], pieces: list[str]
) -> None:
    logs = masked_logs(tmp_path_factory.mktemp("logs"), values)
    whole, shown = b"", b""
    for piece in map(str.encode, pieces):
        overlap = min(2, len(whole))  # a piece may come once more together with the next
        logs.append("job-1", whole[len(whole) - overlap :] + piece, offset=len(whole) - overlap)
        whole += piece
        read = logs.read("job-1", offset=0, limit=logs.shown_size("job-1"))
        assert read.startswith(shown)
        shown = read
    assert logs.read("job-1", offset=0, limit=len(whole)) == Cover(values).covered(whole)
    assert Cover(values).covered(whole).startswith(shown)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=3), st.lists(st.text("abd", max_size=6)))
def test_snapshots_give_the_same_log(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], pieces: list[str]
) -> None:
    logs = masked_logs(tmp_path_factory.mktemp("logs"), values)
    whole = b""
    for piece in map(str.encode, pieces):
        whole += piece
        if whole:
            replace(logs, whole)
            replace(logs, whole[: len(whole) // 2] or whole)  # an older one arrives late
    assert logs.read("job-1", offset=0, limit=len(whole)) == Cover(values).covered(whole)


@pytest.mark.parametrize("earlier", [b"", b"something else, longer"], ids=["continued", "replaced"])
def test_a_secret_that_begins_in_a_snapshot_and_ends_in_a_piece_is_hidden(tmp_path: Path, earlier: bytes) -> None:
    """The snapshot ends with the whole of one secret, which is the beginning of another."""
    logs = masked_logs(tmp_path, ["token", "token-123456"])
    logs.append("job-1", earlier, offset=0)
    replace(logs, b"my token")
    logs.append("job-1", b"-123456 is", offset=8)
    assert logs.read("job-1", offset=0, limit=99) == b"my ************ is"


@pytest.mark.parametrize("pieces", [[b"my token"], [b"my tok", b"en"]], ids=["whole", "in two"])
def test_a_server_that_did_not_write_the_end_of_a_log_asks_for_it_again(tmp_path: Path, pieces: list[bytes]) -> None:
    """The stars of the stored end hide where the second of two overlapping secrets begins."""
    secrets = ["token", "token-123456"]
    for piece in pieces:
        logs = masked_logs(tmp_path, secrets)
        logs.append("job-1", piece, offset=logs.size("job-1"))
    logs = masked_logs(tmp_path, secrets)
    with pytest.raises(LogGap) as gap:
        logs.append("job-1", b"-123456 is", offset=8)
    assert gap.value.log_size == 0
    logs.append("job-1", b"my token-123456 is", offset=0)
    assert logs.read("job-1", offset=0, limit=99) == b"my ************ is"


def test_nothing_is_asked_for_again_where_no_secret_was(tmp_path: Path) -> None:
    masked_logs(tmp_path, [SECRET]).append("job-1", b"say hunt", offset=0)
    logs = masked_logs(tmp_path, [SECRET])
    logs.append("job-1", b"er22\n", offset=8)
    assert logs.read("job-1", offset=0, limit=99) == b"say ********\n"


def test_the_beginning_of_a_secret_is_not_shown_by_a_server_that_knows_no_secrets(tmp_path: Path) -> None:
    masked_logs(tmp_path, [SECRET]).append("job-1", b"say hunt", offset=0)
    assert LogBook(FileLogs(tmp_path), Masks(SensitiveValues())).shown_size("job-1") == 4


@pytest.mark.weakness("V12")
def test_a_secret_that_the_start_of_a_tail_cuts_stays_hidden(tmp_path: Path) -> None:
    logs = masked_logs(tmp_path, [SECRET])
    replace(logs, b"ter22 and hunter22\n" + b"x" * (SNAPSHOT_LIMIT - 19))
    assert logs.read("job-1", offset=0, limit=20) == b"***** and ********\nx"


def test_tails_join_although_they_are_masked(tmp_path: Path) -> None:
    logs = masked_logs(tmp_path, [SECRET])
    whole = b"".join(b"%07d hunter22\n" % number for number in range(40_000))
    for end in range(SNAPSHOT_LIMIT, len(whole), 20_011):
        replace(logs, whole[max(0, end - SNAPSHOT_LIMIT) : end])
    assert logs.read("job-1", offset=0, limit=len(whole)) == whole[:end].replace(b"hunter22", b"********")


@pytest.mark.weakness("V12")
def test_readers_do_not_see_the_beginning_of_a_secret(server: RunningServer, job_id: str) -> None:
    append(server, job_id, "say hunt", offset=0)
    answer = server.get(f"/api/v1/jobs/{job_id}/log")
    assert (answer.content, answer.headers["X-Log-Size"]) == (b"say ", "4")
    assert server.job(job_id).output == "say "
    append(server, job_id, "ing", offset=8)
    assert server.log(job_id) == b"say hunting"


def test_the_agent_is_told_how_much_is_stored(server: RunningServer, job_id: str) -> None:
    for headers in ({}, {"Prefer": "return=minimal"}):
        request = {"agent_id": "a", "status": "running", "output_append": "say hunt", "output_offset": 0}
        answer = server.post(f"/api/v1/jobs/{job_id}/status", request, headers=headers)
        assert answer.json["job_execution"]["log_size"] == 8


def test_what_a_finished_log_ends_with_is_shown(server: RunningServer, job_id: str) -> None:
    append(server, job_id, "say hunt", offset=0, status="succeeded")
    assert server.log(job_id) == b"say hunt"


def test_a_cancel_cuts_the_beginning_of_a_secret_off(server: RunningServer, job_id: str) -> None:
    append(server, job_id, "say hunt", offset=0)
    server.cancel(job_id)
    append(server, job_id, "er22", offset=8)
    assert server.log(job_id) == b"say \n[control] job cancelled by user"


def test_a_follower_gets_no_part_of_a_secret(server: RunningServer, job_id: str) -> None:
    append(server, job_id, "say hunt", offset=0)
    streams: list[str] = []
    follower = threading.Thread(
        target=lambda: streams.append(server.get(f"/api/v1/jobs/{job_id}/log", query_string="follow=1").text)
    )
    follower.start()
    append(server, job_id, "er22!", offset=8)
    append(server, job_id, "bye", offset=13, status="succeeded")
    follower.join(timeout=60)
    [stream] = streams
    data = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    assert b"".join(base64.b64decode(piece["data_base64"]) for piece in data[:-1]) == b"say ********!bye"


def test_the_digest_of_a_log_that_was_masked_here_is_not_held_against_its_agent(
    server: RunningServer, job_id: str
) -> None:
    text = "say hunter22\n"
    answer = server.report(
        job_id,
        "succeeded",
        output_append=text,
        output_offset=0,
        output_size=len(text),
        output_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    assert (answer.status_code, server.log(job_id)) == (200, b"say ********\n")


def test_a_damaged_log_of_a_job_with_secrets_is_asked_for_again(server: RunningServer, job_id: str) -> None:
    append(server, job_id, "say ***\n", offset=0)
    digest = hashlib.sha256(b"say +++\n").hexdigest()
    answer = server.report(job_id, "succeeded", output_size=8, output_sha256=digest)
    assert (answer.status_code, server.log(job_id)) == (409, b"")


def test_after_a_restart_no_digest_of_a_job_with_secrets_is_compared(server: RunningServer) -> None:
    assert server.post("/api/v1/secrets", {"name": "t", "value": SECRET}).status_code == 201
    [job] = server.run(server.define('[{id: work, steps: [{run: "true", env: {T: "{{ secret.t }}"}}]}]'))
    server.running()
    append(server, job, "say hunter22\n", offset=0)
    server.restart()
    digest = hashlib.sha256(b"say hunter22\n").hexdigest()
    answer = server.report(job, "succeeded", output_size=13, output_sha256=digest)
    assert (answer.status_code, server.log(job)) == (200, b"say ********\n")


@pytest.mark.weakness("V12")
def test_everything_else_of_a_report_is_masked(server: RunningServer, job_id: str) -> None:
    server.report(
        job_id,
        "running",
        current_step="Step 1/1: hunter22",
        events=[StepEvent(type="step.started", step=Step(index=1, total=1, name="say hunter22"))],
        runtime_capabilities={"host.tool.x": "hunter22"},
        cache_stats=[CacheStat(id="c hunter22")],
    )
    assert server.job(job_id).current_step == "Step 1/1: ***"
    server.report(job_id, "failed", error="exit status 1: hunter22", exit_code=1)
    job = server.job(job_id)
    assert (job.error, job.runtime_capabilities) == ("exit status 1: ***", {"host.tool.x": "***"})
    assert server.get(f"/api/v1/jobs/{job_id}/steps").json["steps"][0]["name"] == "say ***"
    assert SECRET.encode() not in server.stored()


KEPT = {"Idempotency-Key": "k"}
"""Makes the server keep its answer for a day."""

REFUSED = {
    "leads out": "../hunter22",
    "cut within the secret": "/" + "x" * 493 + "hunter22",
    "escaped as in JSON": '/"hunter22"\n',
    "encoded": "../aHVudGVyMjI=",
    "too deep": "d/" * 80 + "hunter22",
}


@pytest.mark.parametrize("path", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("accept", ["text/plain", "application/json"])
def test_a_secret_in_a_refused_artifact_is_neither_answered_nor_kept(
    server: RunningServer, job_id: str, path: str, accept: str
) -> None:
    file = ArtifactData(path=path, data_base64="")
    upload = ArtifactUpload(agent_id="a", artifacts=[file])
    answer = server.post(f"/api/v1/jobs/{job_id}/artifacts", upload, headers={**KEPT, "Accept": accept})
    assert answer.status_code == 400
    assert SECRET[:-1] not in answer.text
    assert SECRET[:-1].encode() not in server.stored()
    assert b"aHVudGVyMjI" not in server.stored() + answer.content


def test_errors_about_data_and_zips_are_masked(server: RunningServer, job_id: str) -> None:
    route = f"/api/v1/jobs/{job_id}/artifacts"
    data = ArtifactUpload(agent_id="a", artifacts=[ArtifactData(path="hunter22.txt", data_base64="%")])
    zips = [damaged_zip(), zip_with_link("hunter22" * 600), zip_with_link("../../hunter22")]
    answers = [server.post(route, data, headers=KEPT)]
    for number, body in enumerate(zips):
        headers = {"Idempotency-Key": str(number), "X-CICTL-Agent-ID": "a"}
        answers.append(server.http.simulate_post(f"{route}/upload-zip", body=body, headers=headers))
    assert [answer.status_code for answer in answers] == [400] * 4
    assert [answer.text for answer in answers if SECRET in answer.text] == []
    assert SECRET.encode() not in server.stored()


def damaged_zip() -> bytes:
    """Return a zip whose only file has other bytes than its checksum says."""
    with zipfile.ZipFile(out := io.BytesIO(), "w") as archive:
        archive.writestr("dir/hunter22", b"content")
    return out.getvalue().replace(b"content", b"contemt", 1)


def zip_with_link(text: str) -> bytes:
    with zipfile.ZipFile(out := io.BytesIO(), "w") as archive:
        archive.writestr(link_entry("dir/hunter22"), text)
    return out.getvalue()


def test_a_fault_writes_no_secret_into_the_servers_log(
    server: RunningServer, job_id: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no way to keep hunter22")

    monkeypatch.setattr(server.services.artifacts.artifacts, "upload_files", fail)
    answer = server.post(f"/api/v1/jobs/{job_id}/artifacts", ArtifactUpload(agent_id="a", artifacts=[]))
    [record] = caplog.records
    text = LogFormatter().format(record)
    assert (answer.status_code, SECRET in text) == (500, False)
    assert "no way to keep ***" in text


def test_words_of_the_protocol_stay_and_other_texts_in_their_places_are_masked(
    server: RunningServer, job_id: str
) -> None:
    server.services.secrets.sensitive.remember(job_id, ["skip"])
    suite = TestSuite(format="hunter22", cases=[TestCase(status="skip"), TestCase(status="hunter22")])
    report = TestReport(total=2, suites=[suite], coverage=Coverage(format="hunter22+lcov"))
    upload = TestReportUpload(agent_id="a", report=report)
    assert server.post(f"/api/v1/jobs/{job_id}/tests", upload, headers=KEPT).status_code == 200
    shown = server.get(f"/api/v1/jobs/{job_id}/tests").json["report"]
    [suite_shown] = shown["suites"]
    assert [case["status"] for case in suite_shown["cases"]] == ["skip", "***"]
    assert (suite_shown["format"], shown["coverage"]["format"]) == ("***", "***+lcov")
    assert SECRET.encode() not in server.stored()


def test_an_answer_that_is_kept_does_not_hold_the_beginning_of_a_secret(server: RunningServer, job_id: str) -> None:
    report = StatusRequest(agent_id="a", status="running", output_append="key hunter2", output_offset=0)
    answer = server.post(f"/api/v1/jobs/{job_id}/status", report, headers=KEPT)
    execution = answer.json["job_execution"]
    assert (execution["output"], execution["log_size"]) == ("key ", 11)
    append(server, job_id, "2\n", offset=11)
    assert b"hunter2" not in server.stored()


def test_reports_of_tests_and_coverage_are_masked(server: RunningServer, job_id: str) -> None:
    server.services.secrets.sensitive.remember(job_id, ["fail"])
    report = TestReport(
        total=1,
        failed=1,
        suites=[
            TestSuite(
                format="junit-xml",
                name="hunter22",
                cases=[TestCase(status="fail", package="p.hunter22", name="n hunter22", output="aHVudGVyMjI=")],
            )
        ],
        coverage=Coverage(files=[CoverageFile(path="hunter22.py")]),
    )
    answer = server.post(f"/api/v1/jobs/{job_id}/tests", TestReportUpload(agent_id="a", report=report))
    assert answer.status_code == 200
    shown = server.get(f"/api/v1/jobs/{job_id}/tests").json["report"]
    assert shown["suites"][0]["cases"] == [{"status": "fail", "package": "p.***", "name": "n ***", "output": "***"}]
    assert shown["coverage"]["files"][0]["path"] == "***.py"
    assert SECRET.encode() not in server.stored()


def test_names_of_artifacts_are_masked_and_their_contents_are_not(server: RunningServer, job_id: str) -> None:
    file = ArtifactData(path="out/hunter22.txt", data_base64=base64.b64encode(b"hunter22").decode())
    server.post(f"/api/v1/jobs/{job_id}/artifacts", ArtifactUpload(agent_id="a", artifacts=[file]))
    assert server.get(f"/artifacts/{job_id}/out/___.txt").content == b"hunter22"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("hunter22/a", "1")
    answer = server.http.simulate_post(
        f"/api/v1/jobs/{job_id}/artifacts/upload-zip",
        query_string="agent_id=a",
        body=archive.getvalue(),
        headers={"Content-Type": "application/zip"},
    )
    assert answer.status_code == 200, answer.text
    listed = server.get(f"/api/v1/jobs/{job_id}/artifacts").json["artifacts"]
    assert [artifact["path"] for artifact in listed] == ["___/a"]


def test_other_executions_are_not_touched(server: RunningServer, job_id: str) -> None:
    server.enqueue()
    other = server.running("b")
    server.report(other.id, "running", "b", output_append="say hunter22 hunt", output_offset=0)
    assert server.log(other.id) == b"say hunter22 hunt"


def test_nothing_of_a_secret_stays_in_memory_when_it_is_forgotten(server: RunningServer, job_id: str) -> None:
    append(server, job_id, "say hunt", offset=0)
    server.services.secrets.sensitive.forget(job_id)
    gc.collect()
    assert [mask for mask in gc.get_objects() if isinstance(mask, Mask) and SECRET in mask.values] == []


def test_credentials_in_the_repositorys_url_are_masked(server: RunningServer) -> None:
    number = job_number(server.enqueue())

    def change(tx: Transaction) -> None:
        job = tx.jobs.find(number)
        assert job is not None
        source = Source(repo="https://me:hunter22@git.example.test/shop.git", ref="main")
        tx.jobs.put(msgspec.structs.replace(job, source=source))

    server.store.write(change)
    job_id = server.running().id
    append(server, job_id, "[checkout] repo=https://me:hunter22@git.example.test/shop.git\n", offset=0)
    assert server.log(job_id) == b"[checkout] repo=https://************git.example.test/shop.git\n"
