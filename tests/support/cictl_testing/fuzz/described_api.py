"""Schemathesis against a running server: its command as a child, told which ids exist and what fields may hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cictl.wire.admin.secrets import SecretRequest
from cictl.wire.admin.vault import VaultConnectionRequest
from cictl.wire.forges import ForgeKind, ForgeRequest
from cictl.wire.projects import ImportRequest
from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl.wire.results.reports import TestReport, TestReportUpload
from cictl_testing.files import make_repository
from cictl_testing.server import RunningServer

_HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
_ENVIRONMENT = {
    "SCHEMATHESIS_HOOKS": str(_HOOKS),
    "PYTHONPATH": str(_HOOKS.parents[2]),
    "NO_COLOR": "1",
    "NO_PROXY": "127.0.0.1",
}
_NO_VAULT = "http://127.0.0.1:1"
_NO_FORGE = "https://127.0.0.1:1"
_VARIABLE = "CICTL_VAULT_FUZZED"
_PROJECT = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: "%s"}
    jobs:
      - {id: test, matrix: {include: [{name: one}, {name: two}]}, steps: [{run: "true"}]}
      - {id: pack, needs: [test], steps: [{run: "true"}]}
  - id: deploy
    depends_on: [build]
    on: {schedule: [{cron: "@yearly"}]}
    jobs: [{id: push, steps: [{run: "true"}]}]
pipeline_chains: [{id: all, pipelines: [build, deploy]}]
notify: [{on: [always], webhook: "https://127.0.0.1:1", secret_env: CICTL_NOTIFY_UNSET}]
"""

# Which fields a request needs depends on other fields, and queries count unusable numbers as absent: the server answers
# 400 to some bodies that fit their schema and 200 to some that don't, as the contract has it. By the contract too,
# artifacts and tests of an execution that was deleted are empty and not 404, which is what "use after free" looks for, and
# GET takes the words of `jobs/clear-queue` and `jobs/flush-history` for ids; wrong methods have a test of their own.
_EXCLUDED_CHECKS = ("positive_data_acceptance", "negative_data_rejection", "use_after_free", "unsupported_method")


_UPLOADS = ("post_job_artifacts", "post_job_artifacts_zip", "post_job_tests")


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """What exists in the data that is fuzzed; `over` holds executions that have ended, `held` one that runs, `all` every one."""

    repository: str
    over: Sequence[str]
    held: Sequence[str]
    all: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Fuzzed:
    """How a run ended; `answers` are method, path and status of what was sent."""

    exit_code: int
    output: str
    answers: Sequence[tuple[str, str, int]]


def sow(directory: Path, repository: Path) -> Seeds:
    """Fill a server's data in *directory* with a bit of everything, and close it."""
    make_repository(repository, {"cictl.yaml": _PROJECT % repository})
    server = RunningServer(directory)
    assert server.post("/api/v1/projects/import", ImportRequest(repo_url=str(repository))).status_code == 201
    server.heartbeat("a", capabilities={"executor": "script", "shells": "posix"})
    server.heartbeat("b")
    # Of an agent that no request names, so the history of the first one can be flushed and something is left.
    over = [_finished(server, "c"), _finished(server, "a")]
    pipeline = server.define('[{id: one, steps: [{run: "true"}]}, {id: two, needs: [one], steps: [{run: "true"}]}]')
    for _ in range(4):
        server.run(pipeline)
    running = server.running("a").id
    everything = [job["id"] for job in server.get("/api/v1/jobs").json["job_executions"]]
    assert running in everything
    for name in ("pantry", "cellar"):
        connection = VaultConnectionRequest(name=name, url=_NO_VAULT, role_id="r", secret_id_env=_VARIABLE)
        assert server.post("/api/v1/vault/connections", connection).status_code == 201
    forge = ForgeRequest(kind="github", api=_NO_FORGE, token="hunter2", repository="tea/shop")
    assert server.post("/api/v1/projects/1/forge", forge).status_code == 200
    assert server.post("/api/v1/secrets", SecretRequest(name="deploy", value="hunter2")).status_code == 201
    server.close()
    return Seeds(repository=str(repository), over=over, held=[running], all=everything)


def _finished(server: RunningServer, agent_id: str) -> str:
    """Run one execution that has a log, artifacts and a test report."""
    server.enqueue()
    job = server.running(agent_id)
    server.report(job.id, "running", agent_id, output_append="hello\n", output_offset=0)
    upload = ArtifactUpload(agent_id=agent_id, artifacts=[ArtifactData(path="out/report.txt", data_base64="aGVsbG8=")])
    assert server.post(f"/api/v1/jobs/{job.id}/artifacts", upload).status_code == 200
    report = TestReportUpload(agent_id=agent_id, report=TestReport(total=1, passed=1))
    assert server.post(f"/api/v1/jobs/{job.id}/tests", report).status_code == 200
    assert server.report(job.id, "succeeded", agent_id).status_code == 200
    return job.id


def fuzz(url: str, seeds: Seeds, directory: Path, *, options: Sequence[str]) -> Fuzzed:
    """Run schemathesis with *options* against the server at *url*; files go to *directory*."""
    config, report = directory / "schemathesis.toml", directory / "requests.json"
    config.write_text(_configuration(seeds))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += ["--exclude-checks", ",".join(_EXCLUDED_CHECKS), "--warnings", "off", "--request-timeout", "60"]
    command += ["--seed", "1", "--generation-database", "none"]
    done = subprocess.run(
        [*command, "--report", "har", "--report-har-path", str(report), *options, f"{url}/api/v1/openapi.json"],
        cwd=directory,
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    entries = json.loads(report.read_text())["log"]["entries"] if report.exists() else []
    answers = [(e["request"]["method"], urlsplit(e["request"]["url"]).path, e["response"]["status"]) for e in entries]
    return Fuzzed(exit_code=done.returncode, output=done.stdout + done.stderr, answers=answers)


def _configuration(seeds: Seeds) -> str:
    """Say where values come from lists of likely ones; strings and lists of JSON are TOML too."""
    lists: Mapping[str, Sequence[str | int]] = {
        "jobs": seeds.all,
        "over": seeds.over,
        "held": seeds.held,
        "agents": ["a", "b"],
        "numbers": [1],
        "runs": ["1", "2"],
        "projects": ["1"],
        "pipelines": ["build"],
        "statuses": ["running", "succeeded", "failed", "queued"],
        "actions": ["activate", "deactivate", "drain", "refresh-tools", "flush-job-history", "update", "run-script"],
        "shells": ["posix"],
        "repositories": [seeds.repository],
        "paths": ["out/report.txt", "out", "test-report.json", "x/../out"],
        "follow": ["1", "true"],
        "vaults": [_NO_VAULT],
        "forges": [_NO_FORGE],
        "kinds": list(ForgeKind),
        "variables": [_VARIABLE],
    }
    bindings = {
        "path.job_id": ("jobs", 0.8),
        "path.agent_id": ("agents", 0.8),
        "path.project_id": ("numbers", 0.8),
        "path.pipeline_id": ("numbers", 0.8),
        "path.chain_id": ("numbers", 0.8),
        "path.connection_id": ("numbers", 0.8),
        "path.secret_id": ("numbers", 0.8),
        "path.run": ("runs", 0.8),
        "path.project": ("projects", 0.8),
        "path.pipeline": ("pipelines", 0.8),
        "path.number": ("numbers", 0.8),
        "body.url": ("vaults", 0.9),
        "body.api": ("forges", 0.9),
        "body.kind": ("kinds", 0.9),
        "body.secret_id_env": ("variables", 0.9),
        "path.path": ("paths", 0.5),
        "query.prefix": ("paths", 0.5),
        "query.agent_id": ("agents", 0.5),
        "body.agent_id": ("agents", 0.8),
        "body.status": ("statuses", 0.8),
        "body.action": ("actions", 0.8),
        "body.shell": ("shells", 0.8),
        "body.repo_url": ("repositories", 0.5),
    }
    lines = [
        line for name, values in lists.items() for line in (f"[dictionaries.{name}]", f"values = {json.dumps(values)}")
    ]
    lines += ["[parameters]", *(f'"{key}" = {_binding(*value)}' for key, value in bindings.items())]
    # A followed log ends with its execution, so only ended ones are asked for; files are taken for those that run.
    wanted = {"get_job_log": ("over", 1.0)} | dict.fromkeys(_UPLOADS, ("held", 0.8))
    for operation, value in wanted.items():
        lines += ["[[operations]]", f'include-operation-id = "{operation}"', "[operations.parameters]"]
        lines.append(f'"path.job_id" = {_binding(*value)}')
    return "\n".join(lines) + "\n"


def _binding(name: str, probability: float) -> str:
    return f'{{ dictionary = "{name}", probability = {probability} }}'
