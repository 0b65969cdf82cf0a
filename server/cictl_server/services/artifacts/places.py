"""Under which keys artifacts and reports are kept.

An upload has a number of its own, its generation, and the record of the execution names the one that counts. So an upload
replaces all files by one commit: until then readers see the old generation, and a crash leaves either the old files or the
new ones. The number is drawn by lot, because two servers may take uploads of one execution at once.
"""

from __future__ import annotations

import secrets

from cictl_server.blobs.contract import Blobs
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord

ARTIFACTS, REPORTS = "artifacts/", "reports/"
_GENERATIONS = 1 << 53
"""Programs that read JSON know integers up to here."""


def new_generation() -> int:
    return 1 + secrets.randbelow(_GENERATIONS)


def artifacts_of(blobs: Blobs, record: ArtifactsRecord) -> str:
    """Return the prefix of the artifacts that count."""
    return f"{blobs.of_project(record.project)}{ARTIFACTS}job-{record.number}/{record.generation}/"


def reports_of(blobs: Blobs, job: JobRecord) -> str:
    """Return the prefix of the reports that count. Those of earlier versions have no generation."""
    home = f"{blobs.of_project(job.project_key)}{REPORTS}job-{job.number}/"
    return f"{home}{job.report_generation}/" if job.report_generation else home
