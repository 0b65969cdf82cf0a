"""The records of a project: itself, its pipelines, chains, schedules and its forge."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.project_file.definition import Job, Notify, Pipeline, Schedule
from cictl.wire.forges import ForgeKind
from cictl.wire.projects import AS_SERVER, JobTokens
from cictl_server.store.records.base import Record


class ForgeRecord(Record, frozen=True, kw_only=True):
    """Where the forge of a project is told of its runs. The token is among the secrets.

    Attributes:
        api: What the URLs of its API begin with, without a slash at its end.
        repository: `OWNER/NAME`.
    """

    kind: ForgeKind
    api: str
    repository: str


class ProjectRecord(Record, frozen=True, kw_only=True):
    """An imported project.

    Attributes:
        identity: `<url>@<ref>:<file>`.
        repo_ref: The ref that was asked for, or the remote's default branch as last seen.
        loaded_blob: The ids that git gives the project file of `loaded_commit` and what it includes, joined by `+`; empty if
            an earlier version loaded it.
        included_files: The paths of what it includes.
        follows_default: No ref was asked for, so `repo_ref` changes with the remote's default branch.
        given_name: The name that the importer chose instead of the file's; empty for the file's.
        job_tokens: What the tokens of its jobs may do.
        poll_seconds: How often its repository is looked at; 0 for never, `AS_SERVER` for what the server says.
        notify: Whom its file wants to be told when runs end.
        public_badges: Everybody may see how its pipelines stand.
        ended_targets: Those of them who said that they are gone.
        forge: Who is told how its runs stand; None for nobody.
    """

    id: int
    name: str
    identity: str
    repo_url: str
    repo_ref: str
    config_file: str
    loaded_commit: str
    updated: datetime
    loaded_blob: str = ""
    included_files: list[str] = msgspec.field(default_factory=list)
    follows_default: bool = False
    given_name: str = ""
    job_tokens: JobTokens = JobTokens.NONE
    poll_seconds: int = AS_SERVER
    notify: list[Notify] = msgspec.field(default_factory=list)
    ended_targets: list[str] = msgspec.field(default_factory=list)
    public_badges: bool = False
    forge: ForgeRecord | None = None


class PipelineRecord(Record, frozen=True, kw_only=True):
    """A pipeline of a project; its id stays while the project file names the pipeline."""

    id: int
    project_id: int
    definition: Pipeline

    @property
    def jobs(self) -> list[Job]:
        return self.definition.jobs


class ChainRecord(Record, frozen=True, kw_only=True):
    """A pipeline chain of a project; `pipelines` are pipeline ids in file order."""

    id: int
    project_id: int
    chain_id: str
    pipelines: list[str]


class ScheduleRecord(Record, frozen=True, kw_only=True):
    """Times at which runs of a pipeline start. It stays while the project file has its times.

    Attributes:
        pipeline_id: The record of the pipeline; `pipeline` is its id in the file. Both stay while the file has it.
        position: Which of the pipeline's schedules it is, from 1, in the order of the file.
        next: The instant for which the next run starts, unless it is paused until then; None if there is none any more.
        last: When its last run started; `last_run` is the number of that, 0 for none.
        problem: Why no run started when one was due last; empty if one did.
        pause_reason: Why it is paused; empty while it is not.
    """

    id: int
    project_id: int
    pipeline_id: int
    pipeline: str
    position: int
    definition: Schedule
    next: datetime | None
    last: datetime | None = None
    last_run: int = 0
    problem: str = ""
    pause_reason: str = ""
    paused: datetime | None = None
    paused_by: str = ""

    @property
    def is_paused(self) -> bool:
        return bool(self.pause_reason)

    def is_due(self, now: datetime) -> bool:
        """Tell whether a run should start. At the very instant it is due."""
        return self.next is not None and self.next <= now and not self.is_paused
