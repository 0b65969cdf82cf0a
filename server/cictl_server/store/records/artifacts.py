"""The records of what an execution left behind."""

from __future__ import annotations

import msgspec

from cictl_server.store.records.base import Record


class ArtifactEntry(Record, frozen=True, kw_only=True):
    """One kept file. Of a link, `link` is the path that it leads to, and `size_bytes` is that of the file at the end.

    Attributes:
        name: What its group in the project file is called.
        keep_days: How many days after the end of its job it is removed; 0 means with the others of its run.
    """

    path: str
    size_bytes: int
    link: str = ""
    name: str = ""
    keep_days: int = 0


class ArtifactsRecord(Record, frozen=True, kw_only=True):
    """The artifacts of one execution, in upload order; `number` is the execution's.

    Attributes:
        generation: The number of the upload; each has files of its own, so that a new one replaces the old in one commit.
        project: Id of the execution's project, else its name; empty in records of earlier versions.
        expired: Paths of files that retention has removed while others stay.
    """

    number: int
    generation: int = 1
    project: str = ""
    entries: list[ArtifactEntry]
    expired: list[str] = msgspec.field(default_factory=list)

    @property
    def bytes(self) -> int:
        """What the files take; links take nothing."""
        return sum(entry.size_bytes for entry in self.entries if not entry.link)
