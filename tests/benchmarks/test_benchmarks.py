"""The benchmarks measure what they say, or fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bench_auth
import bench_several
import pytest
from bench_ci import JOBS, OtherCI, work_off
from bench_http import CAPABILITIES, EmptyLeases, Heartbeats, WholeJobs
from cictl_testing.servers.threads import ThreadedServer
from executions import make_job
from figures import Figure, Figures, Untrue, read_measures
from load import Connection, rate
from serving import served

from cictl.wire.waiting.requirements import meets_all


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[str]:
    """Serve the same answer to everything, and yield the URL."""

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response(f"{status} Told", [("Content-Length", str(len(body)))])
        return [body]

    server = ThreadedServer(app)
    try:
        yield server.url
    finally:
        server.stop()


def _dies_at_once(_pipe: object) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("index", range(10))
def test_the_agents_offer_what_every_stored_job_asks_for(index: int) -> None:
    assert meets_all(make_job(index).required_capabilities, json.loads(CAPABILITIES))


def test_the_jobs_ask_for_a_tool_by_the_key_that_is_matched() -> None:
    assert not meets_all(make_job(0).required_capabilities, {"os": "linux", "arch": "amd64"})


@pytest.mark.parametrize(
    ("work", "answer"),
    [
        pytest.param(Heartbeats, {"accepted": False}, id="heartbeat refused"),
        pytest.param(lambda: bench_auth.Heartbeats(["", ""]), {"accepted": False}, id="heartbeat with a token refused"),
        pytest.param(EmptyLeases, {"assigned": True}, id="lease found a job"),
        pytest.param(bench_several.Reads, {"job_executions": []}, id="list without jobs"),
        pytest.param(WholeJobs, {"assigned": False}, id="lease found nothing"),
    ],
)
def test_an_answer_that_is_not_the_scenarios_ends_it(
    work: Callable[[], Callable[[Connection, int], int]], answer: dict[str, bool]
) -> None:
    with _answering(200, json.dumps(answer).encode()) as url, pytest.raises(Untrue):
        rate(url, work(), connections=2, seconds=30)


def test_a_wrong_status_ends_a_scenario() -> None:
    with _answering(503, b"{}") as url, pytest.raises(Untrue, match="was answered with 503"):
        rate(url, Heartbeats(), connections=1, seconds=30)


def test_a_server_that_dies_ends_the_run() -> None:
    with pytest.raises(Untrue, match="exit code 3"), served(_dies_at_once):
        pass


def test_a_ci_that_takes_jobs_by_a_command_is_measured_by_what_its_jobs_tell(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    shell = OtherCI(f"for job in $(seq $COUNT); do date +%s%N >> {marks}; done", marks)
    assert shell.start_milliseconds() > 0
    assert shell.rate() > 0
    assert len(marks.read_text().splitlines()) == 1 + JOBS


def test_agents_that_get_fewer_jobs_than_were_queued_end_the_run() -> None:
    with _answering(200, b"{}") as url, pytest.raises(Untrue, match="0 of 200 jobs were done"):
        work_off(url, agents=2, jobs=JOBS)


def test_a_run_is_compared_with_an_earlier_one_by_ratios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier, file = tmp_path / "earlier.json", tmp_path / "now.json"
    Figures(json_file=earlier).add(Figure(name="job", value=100, unit="/s", ratio=0.2, base="null"))
    Figures(json_file=file, against=read_measures(earlier)).add(
        Figure(name="job", value=10, unit="/s", ratio=0.4, base="null")
    )
    assert "x2.00 of the earlier run" in capsys.readouterr().out
    assert read_measures(file) == {"job": 0.4}
