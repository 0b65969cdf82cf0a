"""The automatic bump: planned, shown without its token, and really executed by sh in a clone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cictl_testing.files import git
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

from cictl.base.names.git_names import branch_of
from cictl.wire.jobs import JobExecution
from cictl_server.services.pipelines.auto_bump import next_version

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: release
    vcs_source: {{repo: '{url}', ref: {ref}}}
    versioning: {{file: release/VERSION, auto_bump: minor, auto_bump_vcs_token: " ghp_literal "}}
    jobs:
      - id: upload
        runs_on: {{executor: script, shell: posix}}
        matrix: {{include: [{rows}]}}
        steps: [{{run: upload}}, {{run: announce, skip_dry_run: true}}]
pipeline_chains: [{{id: ship, pipelines: [release]}}]
"""
NO_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def imported(
    server: RunningServer,
    origin: Origin,
    *,
    ref: str = "dev",
    branch: str = "dev",
    rows: str = "{}",
    version: str = "1.4.2",
) -> dict[str, int]:
    origin.commit({"README": "the default branch"})
    files = {"cictl.yaml": PROJECT.format(url=origin.url, ref=ref, rows=rows), "release/VERSION": version + "\n"}
    origin.commit(files, branch=branch)
    return import_project(server, origin.url, repo_ref=branch)


def planned(server: RunningServer, pipeline: int, **fields: object) -> JobExecution:
    [job_id] = server.run(pipeline, **fields)
    return server.job(job_id)


def checked_out(directory: Path, job: JobExecution) -> Path:
    """Clone as agents do: the default branch alone, then the pinned commit, detached."""
    assert job.source is not None
    clone = directory / "clone"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{job.source.repo}", str(clone)], check=True)
    git(clone, "fetch", "-q", "--depth", "1", "origin", job.source.ref)
    git(clone, "checkout", "-q", "--detach", "FETCH_HEAD")
    return clone


def bump(clone: Path, job: JobExecution, **env: str) -> subprocess.CompletedProcess[str]:
    """Execute the last step of the plan, as an agent without git identity would."""
    home = {"HOME": str(clone.parent), "PATH": os.environ["PATH"], **NO_CONFIG}
    return subprocess.run(
        ["sh", "-c", job.step_plan[-1].script],
        cwd=clone,
        env={**home, **job.env, **env},
        capture_output=True,
        text=True,
    )


def test_the_plan_of_a_wet_run(server: RunningServer, origin: Origin) -> None:
    job = planned(server, imported(server, origin)["release"])
    assert [(step.index, step.total, step.name, step.kind) for step in job.step_plan] == [
        (1, 3, "step 1", ""),
        (2, 3, "step 2", ""),
        (3, 3, "auto bump", ""),
    ]
    assert job.script == f"upload\nannounce\n{job.step_plan[-1].script}"
    assert (job.metadata["next_version"], job.metadata["auto_bump_branch"]) == ("1.5.0", "dev")


def test_a_dry_run_bumps_nothing(server: RunningServer, origin: Origin) -> None:
    job = planned(server, imported(server, origin)["release"], dry_run=True)
    assert [step.name for step in job.step_plan] == ["step 1", "announce"]
    assert not {"next_version", "auto_bump_branch"} & job.metadata.keys()


@pytest.mark.weakness("W34")
def test_only_the_agent_sees_a_literal_token(server: RunningServer, origin: Origin) -> None:
    job = planned(server, imported(server, origin)["release"])
    assert job.step_plan[-1].env == {"GITHUB_TOKEN": "***"}
    assert "ghp_literal" not in server.get("/api/v1/jobs").text
    server.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    leased = server.leased()
    assert leased.step_plan[-1].env == {"GITHUB_TOKEN": "ghp_literal"}
    assert (leased.sensitive_values, leased.metadata["has_secrets"]) == (["ghp_literal"], "1")
    assert "has_secrets" not in server.job(job.id).metadata
    server.report(job.id, "running", output_append="pushed with ghp_literal\n", output_offset=0)
    assert server.log(job.id) == b"pushed with ***********\n"
    assert "ghp_literal" not in server.cancel(job.id).text


@pytest.mark.weakness("W42")
@pytest.mark.parametrize("ref", ["dev", "refs/heads/dev"])
def test_it_pushes_to_a_branch_that_is_not_the_default_one(
    server: RunningServer, origin: Origin, tmp_path: Path, ref: str
) -> None:
    job = planned(server, imported(server, origin, ref=ref)["release"])
    clone = checked_out(tmp_path, job)
    done = bump(clone, job)
    assert done.returncode == 0, done.stderr
    assert origin.read("release/VERSION", branch="dev") == "1.5.0"
    assert git(origin.path, "log", "-1", "--format=%s", "dev") == "chore: bump release/VERSION to 1.5.0 [skip ci]"
    assert git(origin.path, "rev-parse", "dev~1") == job.metadata["pipeline_source_ref_resolved"]
    assert git(clone, "symbolic-ref", "--short", "HEAD") == "ciwi-auto-bump"
    assert git(origin.path, "log", "--format=%s", "main") == "c", "the default branch is as it was"


def test_it_keeps_an_identity_that_is_there(server: RunningServer, origin: Origin, tmp_path: Path) -> None:
    job = planned(server, imported(server, origin)["release"])
    clone = checked_out(tmp_path, job)
    git(clone, "config", "user.name", "Release")
    git(clone, "config", "user.email", "release@shop.test")
    assert bump(clone, job).returncode == 0
    assert git(origin.path, "log", "-1", "--format=%an %ae", "dev") == "Release release@shop.test"


def test_without_a_ref_the_default_branch_is_meant(server: RunningServer, origin: Origin, tmp_path: Path) -> None:
    origin.commit({"cictl.yaml": PROJECT.format(url=origin.url, ref="''", rows="{}"), "release/VERSION": "1.4.2\n"})
    job = planned(server, import_project(server, origin.url)["release"])
    env = {"CIWI_PIPELINE_SOURCE_REF_RAW": ""}
    done = bump(checked_out(tmp_path, job), job, **env)
    assert done.returncode == 0, done.stderr
    assert origin.read("release/VERSION", branch="main") == "1.5.0"


@pytest.mark.parametrize(
    ("env", "text"),
    [
        pytest.param({"CIWI_PIPELINE_SOURCE_REF_RAW": "refs/tags/v1"}, "refs/tags/v1 is not a branch", id="tag"),
        pytest.param(
            {"CIWI_PIPELINE_SOURCE_REF_RAW": "0123abc"}, "0123abc looks like a commit, not a branch", id="commit"
        ),
        pytest.param({"CIWI_PIPELINE_SOURCE_REF_RAW": "gone"}, "fetch of gone failed", id="no such branch"),
        pytest.param(
            {"CIWI_PIPELINE_VERSION_RAW": "1.4.1"}, "dev moved: release/VERSION says 1.4.2, not 1.4.1", id="moved"
        ),
        pytest.param({"CIWI_PIPELINE_VERSION_FILE": "nowhere"}, "dev has no nowhere", id="no version file"),
    ],
)
def test_what_it_refuses(server: RunningServer, origin: Origin, tmp_path: Path, env: dict[str, str], text: str) -> None:
    job = planned(server, imported(server, origin)["release"])
    done = bump(checked_out(tmp_path, job), job, **env)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"auto bump: {text}")
    assert origin.read("release/VERSION", branch="dev") == "1.4.2"


def test_a_push_that_the_remote_refuses(server: RunningServer, origin: Origin, tmp_path: Path) -> None:
    job = planned(server, imported(server, origin)["release"])
    clone = checked_out(tmp_path, job)
    hook = origin.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    done = bump(clone, job)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "auto bump: push to dev failed")


def test_a_dry_environment_skips_it(server: RunningServer, origin: Origin, tmp_path: Path) -> None:
    job = planned(server, imported(server, origin)["release"])
    done = bump(checked_out(tmp_path, job), job, CIWI_DRY_RUN="1")
    assert (done.returncode, done.stdout) == (0, "[dry-run] skipping automatic version bump\n")
    assert origin.read("release/VERSION", branch="dev") == "1.4.2"


TWO = "{name: a}, {name: b}"


def refusal(server: RunningServer, path: str, fields: object) -> str:
    answer = server.post(f"/api/v1/{path}", fields)
    assert answer.status_code == 400, answer.text
    return str(answer.text)


def test_a_wet_run_has_exactly_one_execution(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin, rows=TWO)
    text = "versioning.auto_bump requires exactly one job execution in the pipeline run\n"
    assert refusal(server, f"pipelines/{ids['release']}/run-selection", {}) == text
    assert refusal(server, f"pipelines/{ids['release']}/eligible-agents", {}) == text
    assert refusal(server, f"pipeline-chains/{ids['ship']}/run", {}) == text
    assert len(server.run(ids["release"], dry_run=True)) == 2
    assert planned(server, ids["release"], matrix_name="a").metadata["next_version"] == "1.5.0"


@pytest.mark.weakness("W18")
def test_a_selection_without_a_match_says_so(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin)
    fields = {"pipeline_job_id": "no"}
    assert (
        refusal(server, f"pipelines/{ids['release']}/run-selection", fields) == "selection matched no matrix entries\n"
    )


def test_a_version_that_cannot_be_read_is_an_error_here(server: RunningServer, origin: Origin) -> None:
    ids = imported(server, origin, version="soon")
    text = 'version file "release/VERSION" must contain semver core (x.y.z), got "soon"\n'
    assert refusal(server, f"pipelines/{ids['release']}/run-selection", {}) == text
    assert refusal(server, f"pipelines/{ids['release']}/dry-run-preview", {}) == text
    origin.hide()
    text = refusal(server, f"pipelines/{ids['release']}/run-selection", {})
    assert text.startswith('fetch source ref "dev" for version resolution: ')


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("patch", "1.9.10"), ("minor", "1.10.0"), ("major", "2.0.0")],
    ids=["patch", "minor", "major"],
)
def test_the_next_version(kind: str, expected: str) -> None:
    assert next_version("1.9.9", kind) == expected


@pytest.mark.parametrize(
    ("ref", "branch"),
    [("dev", "dev"), ("refs/heads/a/b", "a/b"), ("refs/tags/v1", ""), ("0123abc", ""), ("012abc", "012abc"), ("", "")],
)
def test_the_branch_of_a_ref(ref: str, branch: str) -> None:
    assert branch_of(ref) == branch


def test_a_rerun_keeps_the_bump(server: RunningServer, origin: Origin) -> None:
    job = planned(server, imported(server, origin)["release"])
    finish_everything(server, "failed")
    assert server.post(f"/api/v1/jobs/{job.id}/rerun").status_code == 201
    again = server.leased()
    assert (again.step_plan[-1].name, again.step_plan[-1].env) == ("auto bump", {"GITHUB_TOKEN": "ghp_literal"})
