"""The variables of steps: what they hold, and that the page tells of each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cictl.wire.jobs import JobExecution, JobStatus
from cictl.wire.metadata import JobMetadata
from cictl_agent.job.variables import OF_JOB, OF_RUN, OF_SERVER, OF_STEP, variables_of

PAGE = Path(__file__).parents[3] / "docs" / "project-file.md"


def variables(*entries: tuple[str, str]) -> dict[str, str]:
    job = JobExecution(
        id="job-7",
        script="",
        required_capabilities=None,
        timeout_seconds=0,
        status=JobStatus.LEASED,
        created_utc=datetime.now(UTC),
        metadata=JobMetadata.entries(*entries),
    )
    return variables_of(job)


def test_nothing_known_is_empty() -> None:
    known = {name: value for name, value in variables().items() if value}
    assert known == {"CI": "true", "CICTL_JOB_EXECUTION_ID": "job-7", "CICTL_ATTEMPT": "1"}


@pytest.mark.parametrize(
    ("ref", "short", "branch", "tag", "pull"),
    [
        ("main", "main", "main", "", ""),
        ("refs/heads/a/b", "a/b", "a/b", "", ""),
        ("refs/tags/v1", "v1", "", "v1", ""),
        ("refs/pull/3/head", "refs/pull/3/head", "", "", "3"),
        ("refs/merge-requests/41/head", "refs/merge-requests/41/head", "", "", "41"),
        ("refs/pull/3/merge", "refs/pull/3/merge", "", "", ""),
        ("0123abc", "0123abc", "", "", ""),
    ],
)
def test_a_ref_is_told_in_parts(ref: str, short: str, branch: str, tag: str, pull: str) -> None:
    found = variables(JobMetadata.pipeline_source_ref_raw(ref), JobMetadata.pipeline_source_ref_resolved("c0ffee"))
    names = ("CICTL_REF", "CICTL_REF_NAME", "CICTL_BRANCH", "CICTL_TAG", "CICTL_PULL_REQUEST", "CICTL_COMMIT")
    assert [found[name] for name in names] == [ref, short, branch, tag, pull, "c0ffee"]


def test_a_pull_request_tells_its_base() -> None:
    assert variables(JobMetadata.base_branch("main"))["CICTL_BASE_BRANCH"] == "main"


def test_the_page_tells_of_each() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Variables\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    of_run = [f"| `CICTL_{variable.name}` | {variable.meaning} |" for variable in OF_RUN]
    assert (
        rows == [f"| `{variable.name}` | {variable.meaning} |" for variable in (*OF_JOB, *OF_SERVER, *OF_STEP)] + of_run
    )
