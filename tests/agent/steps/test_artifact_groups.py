"""Artifacts with conditions, through a real agent: after which end they are kept, what they exclude, what must be there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from cictl_testing.servers.scripted_server import ServedJob

from cictl.base.job_parts import ArtifactSpec, When
from cictl.wire.jobs import JobStatus

RunSteps = Callable[..., ServedJob]
MAKE = "mkdir -p out logs; touch out/app out/app.tmp logs/all"


@pytest.mark.parametrize(("end", "when"), [("true", When.SUCCESS), ("false", When.FAILURE)])
def test_files_are_kept_after_the_end_that_their_group_names(run: RunSteps, end: str, when: When) -> None:
    job = run(
        f"{MAKE}; touch plain success failure always; {end}",
        artifact_globs=["plain"],
        artifacts=[ArtifactSpec(paths=[str(when)], when=when) for when in When],
    )
    assert sorted(job.files) == sorted(["plain", "always", str(when)])


def test_a_group_is_kept_after_success_unless_it_says_otherwise(run: RunSteps) -> None:
    group = ArtifactSpec(paths=["out/app"])
    assert (list(run(MAKE, artifacts=[group]).files), run(f"{MAKE}; false", artifacts=[group]).files) == (
        ["out/app"],
        {},
    )


@pytest.mark.parametrize(
    "fields",
    [{"artifact_globs": ["out/**", "!**/*.tmp"]}, {"artifacts": [ArtifactSpec(paths=["out/**", "!**/*.tmp"])]}],
    ids=["plain", "group"],
)
def test_patterns_with_an_exclamation_mark_exclude(run: RunSteps, fields: dict[str, object]) -> None:
    assert list(run(MAKE, **fields).files) == ["out/app"]


def test_what_one_group_excludes_another_one_keeps_and_a_file_is_kept_once(run: RunSteps) -> None:
    groups = [ArtifactSpec(paths=["out/**", "!**/*.tmp"]), ArtifactSpec(paths=["**/*.tmp", "out/app"])]
    job = run(MAKE, artifacts=groups)
    assert sorted(job.files) == ["out/app", "out/app.tmp"]
    assert job.last.warnings == []


@pytest.mark.parametrize(
    ("groups", "missing"),
    [
        pytest.param([ArtifactSpec(paths=["out/app"], required=True)], "", id="there"),
        pytest.param([ArtifactSpec(paths=["gone"])], "", id="not-required"),
        pytest.param([ArtifactSpec(paths=["gone"], required=True, when=When.FAILURE)], "", id="after-another-end"),
        pytest.param([ArtifactSpec(paths=["gone", "!x"], required=True)], "gone, !x", id="gone"),
        pytest.param([ArtifactSpec(paths=["gone"], name="brew", required=True)], "brew", id="named"),
    ],
)
def test_a_job_fails_without_the_artifacts_that_it_requires(
    run: RunSteps, groups: list[ArtifactSpec], missing: str
) -> None:
    job = run(MAKE, artifact_globs=["logs/*"], artifacts=groups)
    error = f"required artifacts are missing, no file matches: {missing}" if missing else ""
    assert (job.status, job.last.error) == (JobStatus.FAILED if missing else JobStatus.SUCCEEDED, error)
    assert "logs/all" in job.files


def test_the_error_of_a_step_wins_over_missing_artifacts(run: RunSteps) -> None:
    job = run("exit 3", artifacts=[ArtifactSpec(paths=["gone"], required=True, when=When.ALWAYS)])
    assert (job.last.exit_code, job.last.error) == (3, "Step 1/1: exit 3: exit status 3")


def test_the_zip_names_the_group_of_each_file(run: RunSteps) -> None:
    """The first group that keeps a file has it, also where a plain pattern stands before; a link may be of another one."""
    groups = [
        ArtifactSpec(paths=["logs/*"], when=When.FAILURE),
        ArtifactSpec(paths=["out/app"], name="brew"),
        ArtifactSpec(paths=["out/*"]),
    ]
    job = run(
        f"{MAKE}; touch plain; ln -s app out/link", artifact_globs=["plain", "out/app", "logs/*"], artifacts=groups
    )
    with zipfile.ZipFile(io.BytesIO(job.archive)) as archive:
        found = {entry.filename: entry.comment.decode() for entry in archive.infolist()}
    assert found == {"plain": "", "logs/all": "", "out/app": "2", "out/app.tmp": "3", "out/link": "3"}
