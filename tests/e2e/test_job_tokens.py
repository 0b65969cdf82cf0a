"""The token of a job: what `cictl` does with it in a step, how long it counts, and where it must not be found."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cictl_testing.files import make_repository
from cictl_testing.processes import Process, Workplace, eventually

from cictl.wire.jobs import JobExecution
from cictl_client import Client, Unauthenticated

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: REPOSITORY}
    jobs:
      - id: make
        artifacts: ["kept*"]
        steps: [{run: "echo kept > kept"}]
      - id: look
        needs: [make]
        artifacts: ["out*"]
        steps: [{run: "sh -eu PLACE/step.sh"}]
  - id: start
    jobs: [{id: go, steps: [{run: "PYTHON -m cictl run shop/greet --follow"}]}]
  - id: greet
    jobs: [{id: say, steps: [{run: "echo hello from below"}]}]
"""
STEP = """\
cictl() { PYTHON -m cictl "$@"; }
cictl whoami -o json > PLACE/whoami
cictl jobs show "$CICTL_JOB_EXECUTION_ID" > /dev/null
cictl jobs logs "$CICTL_JOB_EXECUTION_ID" > /dev/null
for job in $(cictl jobs list --run "$CICTL_RUN_ID" -o name); do
    cictl jobs logs "$job" >> PLACE/logs
    cictl jobs download "$job" --all --directory PLACE/files-"$job" > /dev/null || echo "none of $job" >> PLACE/without
done
cictl run shop/build 2> PLACE/refused || echo "exit $?" >> PLACE/refused
echo "the token is $CICTL_JOB_TOKEN"
echo > "out-$CICTL_JOB_TOKEN"
printf %s "$CICTL_JOB_TOKEN" > PLACE/token
while [ ! -e PLACE/go ]; do sleep 0.05; done
exit 3
"""


class Shop:
    """A server that wants tokens, an agent that has one, and a project whose second job looks around and then waits."""

    def __init__(self, workplace: Workplace) -> None:
        self.workplace = workplace
        self.place = workplace.directory / "place"
        self.place.mkdir()
        (self.place / "step.sh").write_text(self.placed(STEP))
        repository = workplace.directory / "repository"
        make_repository(repository, {"cictl.yaml": self.placed(FILE).replace("REPOSITORY", str(repository))})
        secret = workplace.ok("tokens", "create", "root", "--role", "admin").strip()
        self.root = Client(workplace.url, token=secret)
        (workplace.directory / "admin.token").write_text(secret)
        workplace.extra["CICTL_TOKEN_FILE"] = str(workplace.directory / "admin.token")
        self.agent_file = workplace.directory / "agent.token"
        self.agent_file.write_text(workplace.ok("tokens", "create", "a", "--role", "agent", "--agent", "a").strip())

    def placed(self, text: str) -> str:
        return text.replace("PYTHON", sys.executable).replace("PLACE", str(self.place))

    def start_agent(self, *options: str) -> Process:
        return self.workplace.start_agent("a", "--token-file", str(self.agent_file), *options)

    def import_project(self) -> None:
        self.workplace.ok("projects", "import", str(self.workplace.directory / "repository"))

    def begin(self) -> tuple[JobExecution, str]:
        """Run the pipeline until the second job waits; return that job, and its token."""
        self.import_project()
        self.workplace.ok("run", "shop/build")
        file = self.place / "token"
        eventually(lambda: (file.exists() and file.read_text()) or self.failed(), what="the step, which waits")
        assert not self.failed(), [self.root.read_log(job.id).data.decode() for job in self.failed()]
        return next(job for job in self.jobs() if job.facts.pipeline_job_id == "look"), file.read_text()

    def failed(self) -> list[JobExecution]:
        return [job for job in self.jobs() if job.status == "failed"]

    def jobs(self) -> list[JobExecution]:
        return list(self.root.list_jobs().job_executions)

    def end(self, job: JobExecution) -> JobExecution:
        (self.place / "go").touch()
        eventually(lambda: self.root.get_job(job.id).status.is_terminal, what="the end of the job")
        return self.root.get_job(job.id)


@pytest.fixture
def shop(workplace: Workplace) -> Iterator[Shop]:
    made = Shop(workplace)
    yield made
    made.root.close()


def counts(url: str, secret: str) -> bool:
    with Client(url, token=secret) as client:
        try:
            client.whoami()
        except Unauthenticated:
            return False
    return True


def command_lines() -> list[str]:
    """Return the command lines of all processes."""
    return [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]


def holding(secret: str, *directories: Path) -> list[Path]:
    """Return the files below *directories* that hold *secret*, or have it in their name."""
    found = [path for directory in directories for path in directory.rglob("*")]
    return [p for p in found if secret in p.name or (p.is_file() and secret.encode() in p.read_bytes())]


def test_cictl_works_in_a_step_and_reads_the_run(shop: Shop) -> None:
    shop.start_agent()
    job, secret = shop.begin()
    assert secret.startswith("cictl_j_")
    who = json.loads((shop.place / "whoami").read_text())
    assert (who["role"], who["job_execution_id"], who["agent_id"]) == ("job", job.id, "a")
    logs = (shop.place / "logs").read_text()
    assert all(f"[meta] job={other.id} " in logs for other in shop.jobs()), logs
    assert [path.read_text() for path in shop.place.glob("files-*/kept")] == ["kept\n"]
    assert (shop.place / "without").read_text() == f"none of {job.id}\n", "its own come later"
    refused = (shop.place / "refused").read_text()
    assert "`cictl projects set shop --job-tokens start`" in refused
    assert shop.end(job).exit_code == 3, shop.root.read_log(job.id).data.decode()


def test_a_step_runs_another_pipeline_and_follows_it_where_the_project_allows_it(shop: Shop) -> None:
    shop.start_agent("--slots", "2")
    shop.import_project()
    shop.workplace.ok("projects", "set", "shop", "--job-tokens", "start")
    assert "may start runs" in shop.workplace.ok("projects", "show", "shop")
    shown = shop.workplace.ok("run", "shop/start", "--follow")
    assert "hello from below" in shown
    assert {job.facts.pipeline_job_id: job.started_by for job in shop.jobs()} == {"say": "1/go", "go": "root"}
    assert "auth.refused" not in shop.workplace.ok("audit", "list", "-o", "jsonl")


def test_the_token_is_dead_when_the_job_is_over_and_outlives_a_restart_of_the_server(shop: Shop) -> None:
    shop.start_agent()
    job, secret = shop.begin()
    shop.workplace.server.kill()
    shop.workplace.start_server()
    assert counts(shop.workplace.url, secret)
    assert shop.end(job).status == "failed"
    assert not counts(shop.workplace.url, secret)


@pytest.mark.usefixtures("fresh_processes")
def test_the_token_is_found_in_the_environment_of_the_step_alone(shop: Shop) -> None:
    agent = shop.start_agent()
    job, secret = shop.begin()
    assert not [command for command in command_lines() if secret in command]
    for process in (agent.process, shop.workplace.server.process):
        assert secret.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
    shop.end(job)
    log = shop.root.read_log(job.id).data.decode()
    assert "the token is ***" in log
    assert [artifact.path for artifact in shop.root.list_artifacts(job.id)] == ["out-___"]
    shop.workplace.close()
    work = shop.workplace.directory / "work-a"
    assert [path.name for path in holding(secret, shop.workplace.data, work)] == [f"out-{secret}"], (
        "the step's own file"
    )
    assert secret not in agent.output + shop.workplace.server.output
