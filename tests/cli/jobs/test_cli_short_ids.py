"""Short ids: `41/test/green` and `@last`, wherever a command takes a job or a run."""

from __future__ import annotations

import io

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from tests.cli.conftest import Run

FILE = """
pipelines:
  - id: build
    jobs:
      - {id: lint, steps: [{run: x}]}
      - {id: test, matrix: {include: [{name: green}, {name: red}]}, steps: [{run: x}]}
  - {id: ship, jobs: [{id: lint, steps: [{run: x}]}]}
pipeline_chains: [{id: release, pipelines: [build, ship]}]
"""


@pytest.fixture
def runs(server: RunningServer) -> RunningServer:
    """Three runs: 1 is shop/build, 2 the chain shop/release, 3 shop/ship."""
    ids = server.define_project(FILE)
    server.run(ids["build"])
    server.run_chain(ids["release"])
    server.run(ids["ship"])
    return server


def name_of(run: Run, text: str) -> str:
    """Return the short id of the job that *text* means."""
    ran = run("jobs", "show", text)
    assert ran.code == 0, ran.err
    return ran.out.splitlines()[0].split()[1]


MEANT = [
    pytest.param("1/lint", "1/lint", id="a job of a run"),
    pytest.param("1/test/green", "1/test/green", id="an entry of its matrix"),
    pytest.param("1/test/r", "1/test/red", id="a beginning"),
    pytest.param("2/ship/lint", "2/ship/lint", id="a job of a chain run"),
    pytest.param("2/test/red", "2/build/test/red", id="without the pipeline"),
    pytest.param("3", "3/lint", id="a run that has one job"),
    pytest.param("@last", "3/lint", id="the newest run"),
    pytest.param("@last/lint", "3/lint", id="a job of it"),
    pytest.param("shop/ship@last", "3/lint", id="the newest run of a pipeline"),
    pytest.param("ship@last", "3/lint", id="by a unique name"),
    pytest.param("shop/ship/lint@last", "3/lint", id="the newest execution of a job"),
    pytest.param("shop/build@last/test/red", "2/build/test/red", id="a job of the newest run of a pipeline"),
]


@pytest.mark.parametrize(("text", "meant"), MEANT)
def test_a_job_is_named(run: Run, runs: RunningServer, text: str, meant: str) -> None:
    assert name_of(run, text) == meant


REFUSED = [
    pytest.param("1/tset/green", ExitCode.NOT_FOUND, "did you mean 1/test/green", id="a name that is none"),
    pytest.param("9/lint", ExitCode.NOT_FOUND, "run 9 not found; the newest is 3", id="a run that is none"),
    pytest.param("9", ExitCode.NOT_FOUND, "job '9' not found", id="a number that is none"),
    pytest.param("shop/biuld@last", ExitCode.NOT_FOUND, "did you mean shop/build", id="a pipeline that is none"),
    pytest.param("@lastly", ExitCode.NOT_FOUND, "means nothing", id="a word"),
    pytest.param("1", ExitCode.USAGE, "1/lint, 1/test/green, 1/test/red", id="a run of several jobs"),
    pytest.param("1/test", ExitCode.USAGE, "1/test/green, 1/test/red", id="a job of several entries"),
    pytest.param("2/lint", ExitCode.USAGE, "2/build/lint, 2/ship/lint", id="a job of several pipelines"),
    pytest.param("shop/build/test@last", ExitCode.USAGE, "2/build/test/green", id="the newest of several entries"),
]


@pytest.mark.parametrize(("text", "code", "said"), REFUSED)
def test_what_means_nothing_or_several_is_told(
    run: Run, runs: RunningServer, text: str, code: ExitCode, said: str
) -> None:
    ran = run("jobs", "show", text)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.mark.parametrize(
    ("name", "found"),
    [("1", 3), ("2", 4), ("@last", 1), ("shop/release@last", 4), ("shop/build@last", 4)],
)
def test_a_run_is_named(run: Run, runs: RunningServer, name: str, found: int) -> None:
    assert len(run("jobs", "list", "--run", name, "-o", "name").out.split()) == found


@pytest.mark.parametrize("name", ["7", "1/lint", "shop/build/lint@last"])
def test_what_is_no_run_is_told(run: Run, runs: RunningServer, name: str) -> None:
    assert run("jobs", "list", "--run", name).code == ExitCode.NOT_FOUND


def test_lists_show_short_ids(run: Run, runs: RunningServer) -> None:
    rows = [line.split()[:4] for line in run("jobs", "list").out.splitlines()]
    assert rows[:3] == [
        ["ID", "STATUS", "RUN", "PIPELINE"],
        ["3/lint", "queued", "3", "shop/ship"],
        ["2/ship/lint", "queued", "2", "shop/ship"],
    ]


def test_a_rerun_has_a_name_of_its_own(run: Run, runs: RunningServer) -> None:
    old = runs.finish("failed").id
    assert run("jobs", "rerun", "1/lint").err.startswith("enqueued 1/lint:2\n")
    assert run("jobs", "rerun", "1/lint").err.startswith("enqueued 1/lint:3\n")
    assert run("jobs", "show", "1/lint", "-o", "name").out.strip() == old, "an id never changes its meaning"
    assert name_of(run, "1/lint:2") == "1/lint:2"
    assert name_of(run, "@last/lint") == "1/lint:3", "the newest decides"


def test_several_are_cancelled_and_the_worst_decides(run: Run, runs: RunningServer) -> None:
    ran = run("jobs", "cancel", "1", "8/lint", "3/lint", "2/ship/lint")
    assert ran.code == ExitCode.NOT_FOUND
    assert "error: run 8 not found" in ran.err
    said = [line for line in ran.err.splitlines() if line.endswith(": cancelled")]
    assert [line.partition(":")[0] for line in said] == [
        "1/lint",
        "1/test/green",
        "1/test/red",
        "3/lint",
        "2/ship/lint",
    ]


def test_names_come_from_stdin(run: Run, runs: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = run("jobs", "list", "--run", "1", "-o", "name").out
    monkeypatch.setattr("sys.stdin", io.StringIO(listed))
    ran = run("jobs", "cancel", "-", "-o", "json")
    assert ran.code == 0
    assert [found["id"] for found in ran.json()["job_executions"]] == listed.split()


@pytest.mark.parametrize("verb", ["cancel", "rerun"])
def test_no_names_on_stdin_are_no_failure(
    run: Run, runs: RunningServer, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    ran = run("jobs", verb, "-")
    assert (ran.code, ran.out) == (0, "")
    assert "no jobs were named" in ran.err


def test_several_are_deleted(run: Run, runs: RunningServer) -> None:
    ran = run("jobs", "delete", "1/lint", "3/lint", "--yes")
    assert (ran.code, ran.err.splitlines()[-2:]) == (0, ["1/lint: deleted", "3/lint: deleted"])


def test_a_watch_without_names_takes_the_newest_run(run: Run, runs: RunningServer) -> None:
    assert run("jobs", "watch", "--timeout", "0").err.startswith("3/lint: queued\n")


def test_a_watch_of_a_run_takes_the_newest_of_each_job(run: Run, runs: RunningServer) -> None:
    runs.finish("failed")
    run("jobs", "rerun", "1/lint")
    for _ in range(8):
        runs.finish("succeeded")
    assert run("jobs", "watch", "1").code == 0, "a rerun heals a run"


def test_a_server_without_numbers_has_long_ids_and_last(cli: Run, shop: Shop) -> None:
    shop.put(job("job-8", metadata={"pipeline_job_id": "test"}), job("job-9"))
    assert cli("jobs", "list").out.splitlines()[0].split() == ["ID", "STATUS", "PIPELINE", "JOB", "CREATED", "TIME"]
    for name, meant in {"@last/test": "job-8", "shop/build/test@last": "job-8", "@last/compile": "job-9"}.items():
        ran = cli("jobs", "show", name, "-o", "name")
        assert (ran.out, ran.err) == (f"{meant}\n", "")
