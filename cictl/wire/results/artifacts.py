"""Artifacts on the wire: the files that an execution keeps."""

from __future__ import annotations

import msgspec

from cictl.wire.codec import Item, Message

TEST_REPORT_PATH = "test-report.json"
COVERAGE_REPORT_PATH = "coverage-report.json"
"""The two entries that the server adds to the artifacts of an execution with a stored report."""


class Artifact(Message):
    """One kept file. `url` is a percent-encoded path on the server. `id` is 0 for the reports that the server adds.

    Attributes:
        link: The path of the artifact that this one is a link to, which may be a link too (ours). Its `url` and its size
            are those of a file all the same: that at the end.
        name: What its group in the project file is called (ours).
        keep_days: How many days after the end of its job it is removed; 0 means with the others of its run (ours).
    """

    id: int
    job_execution_id: str
    path: str
    url: str
    size_bytes: int
    link: str = ""
    name: str = ""
    keep_days: int = 0


class ArtifactList(Message):
    """The artifacts of one execution. The answer to an upload without files has null here, as the reference sends it."""

    artifacts: list[Artifact] | None


class ArtifactData(Item):
    path: str = ""
    data_base64: str = ""


class ArtifactUpload(Message):
    agent_id: str = ""
    artifacts: list[ArtifactData] = msgspec.field(default_factory=list)
