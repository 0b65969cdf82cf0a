"""The typed records of the store. They resemble the wire types but belong to the server alone."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cictl.base.job_parts import ApprovalSpec, Decision
from cictl.project_file.definition import Job, Notify, Pipeline, Schedule
from cictl.wire.admin.access import Role
from cictl.wire.agents import AgentProcess
from cictl.wire.forges import ForgeKind
from cictl.wire.jobs import CANCELLATIONS, CacheStat, Cause, JobSpec, JobStatus, TestSummary
from cictl.wire.projects import AS_SERVER, JobTokens


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored document. Change it with `msgspec.structs.replace` and put it back in a transaction."""


_QUEUE_OF_PROJECT = "project "


def queue_of_project(project: str) -> str:
    """Return the `queue_scope` of the executions of a project, named by its id, or by its name where there is no id."""
    return _QUEUE_OF_PROJECT + project


def is_queue_of_project(queue_scope: str) -> bool:
    """Tell whether this is the queue of a project, and not of one agent's scripts."""
    return queue_scope.startswith(_QUEUE_OF_PROJECT)


_GROUP_OF_RUNS = "run "


def is_group_of_runs(group: str) -> bool:
    """Tell whether a key is that of a `run_group`."""
    return group.startswith(_GROUP_OF_RUNS)


class FailedDependency(Record, frozen=True, kw_only=True):
    """The failed job of its run, or else pipeline of its chain run, for which an execution waited."""

    pipeline_job_id: str = ""
    pipeline_id: str = ""

    @property
    def reason(self) -> str:
        if self.pipeline_job_id:
            return f"required job {self.pipeline_job_id} failed"
        return f"upstream pipeline {self.pipeline_id} failed"


class JobRecord(Record, JobSpec, frozen=True, kw_only=True):
    """One job execution: its spec and its progress, in one document.

    Attributes:
        number: Nanoseconds of its creation, strictly increasing; the id is `job-<number>`.
        retry_of: The id of the execution that it repeats by itself, if it does; `retries` is how many such came before it.
        retried_by: The id of the one that repeats it by itself.
        server_retried: It, or one before it, was repeated although its job asks for no retry.
        keeps_place_of: The number of the execution whose place in the queue it has, if it repeats one; else 0.
        default_timeout_seconds: The server's limit at its lease, if it states none itself; 0 means none.
        failed_dependency: What it waited for, if its failure ended the execution.
        lease_request_id: `request_id` of the lease that took it.
        lease_process: Which process of its agent took it (`process_key`); empty when the agent did not tell.
        lease_slot: Which slot of that process; 0 when it has only one.
        lease_server: The `instance_id` of the server that gave it, which alone reads its secrets for this lease.
        lock_host: The host of the agent that holds it, if it has locks there; `host_of` names it.
        lease_hash: `token_hash` of the token that its last lease gave; empty when its agent sends none. A lease that ran out
            leaves it, so that the agent that had it may still begin.
        job_token_hash: The same of the token that its steps show; empty when they got none. It counts while `status` is
            active.
        log_size: Bytes of its log that count, once it is over; what came later is ignored.
        log_generation: How often it was requeued. Each attempt writes into a log of its own.
        log_limit: The limit in bytes that its log has passed: the rest is not kept. 0 while it has not.
        closing_line: The last line of its log, by the server, kept apart from the agent's bytes.
        not_before: While this is set, the queued execution can't be claimed.
        waiting_reason: Why its secrets could not be read at the last attempt.
        secrets_since: When the first of `secrets_attempts` attempts to read them failed.
        report_generation: Which upload of its reports counts; 0 while it has none, or one of earlier versions.
        report_bytes: What these take; 0 for those of earlier versions.
        warnings: What its agent says that users should know although it is no failure.
        failed_step: The position in the plan of the step that failed it; 0 if none did, or if its agent does not tell.
        outputs: The texts of `declared_outputs`, once it has succeeded.
        templates: Those parts of its spec, as they were planned, into which outputs of its needs have been put. None if none were.
        pinned: Retention leaves its run alone.
        log_rewrites: How often its log was emptied or replaced, so that it has other bytes than before.
        log_removed: When retention removed its log; `artifacts_removed` is the same for its artifacts.
        started_by: The name of the token with which somebody started it, or ran it again; empty if nobody was authenticated.
        started_by_job: The id of the execution whose token started it; empty if none did.
        start_depth: How many starts by such tokens led to it; 0 if a person or a program started it.
        cancelled_by: The same of whoever cancelled it.
        superseded: A newer execution of the same job and matrix row decides about its run.
        approval_due: When it ends unless somebody approves it; None while it waits for no approval.
        decision: What was decided about it by whoever was asked last.
    """

    number: int
    status: JobStatus
    created: datetime
    current_step: str = ""
    cache_stats: list[CacheStat] = msgspec.field(default_factory=list)
    runtime_capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None
    leased: datetime | None = None
    agent_id: str = ""
    exit_code: int | None = None
    error: str = ""
    cause: Cause | None = None
    failed_dependency: FailedDependency | None = None
    test_summary: TestSummary | None = None
    report_generation: int = 0
    report_bytes: int = 0
    lease_request_id: str = ""
    lease_process: str = ""
    lease_slot: int = 0
    lease_server: str = ""
    lock_host: str = ""
    lease_hash: str = ""
    job_token_hash: str = ""
    log_size: int = 0
    log_generation: int = 0
    log_limit: int = 0
    closing_line: str = ""
    not_before: datetime | None = None
    waiting_reason: str = ""
    secrets_since: datetime | None = None
    secrets_attempts: int = 0
    warnings: list[str] = msgspec.field(default_factory=list)
    failed_step: int = 0
    outputs: dict[str, str] = msgspec.field(default_factory=dict)
    templates: JobSpec | None = None
    default_timeout_seconds: int = 0
    pinned: bool = False
    log_removed: datetime | None = None
    log_rewrites: int = 0
    artifacts_removed: datetime | None = None
    started_by: str = ""
    started_by_job: str = ""
    start_depth: int = 0
    cancelled_by: str = ""
    keeps_place_of: int = 0
    retry_of: str = ""
    retries: int = 0
    retried_by: str = ""
    server_retried: bool = False
    superseded: bool = False
    approval_due: datetime | None = None
    decision: Decision | None = None

    @classmethod
    def queued(
        cls, spec: JobSpec, *, number: int, created: datetime, started_by: str, starter: JobRecord | None = None
    ) -> JobRecord:
        """Return a new execution of *spec*, which may be an earlier record.

        Args:
            starter: The execution whose token starts it, if one does.
        """
        return cls(
            number=number,
            status=JobStatus.QUEUED,
            created=created,
            started_by=started_by,
            started_by_job=starter.id if starter else "",
            start_depth=starter.start_depth + 1 if starter else 0,
            templates=spec.templates if isinstance(spec, JobRecord) else None,
            **spec.planned(),
        )

    @property
    def id(self) -> str:
        return f"job-{self.number}"

    @property
    def place_in_queue(self) -> int:
        """What decides among executions of the same priority: the lower one is leased first."""
        return self.keeps_place_of or self.number

    @property
    def turn(self) -> tuple[int, int, int]:
        """What sorts waiting executions: the first is leased first."""
        return -self.priority, self.place_in_queue, self.number

    @property
    def is_good(self) -> bool:
        """Whether what needs it may run: it succeeded, or it ran and failed although it may fail.

        One that was skipped has succeeded. A cancelled one is not forgiven, nor one that never began.
        """
        if self.status is JobStatus.SUCCEEDED:
            return True
        is_forgiven = self.allow_failure and self.started is not None and self.cause not in CANCELLATIONS
        return self.status is JobStatus.FAILED and is_forgiven

    @property
    def is_ended_by_server(self) -> bool:
        """Whether the server ended it, by a cancel, a time limit or the loss of its agent, and not its agent's report."""
        return self.status.is_terminal and bool(self.closing_line)

    @property
    def limit_seconds(self) -> int:
        """How long it may run; 0 means for ever."""
        return self.timeout_seconds or self.default_timeout_seconds

    @property
    def project_key(self) -> str:
        """What its files belong to: the id of its project, or the name where there is no id."""
        return self.facts.project_id or self.facts.project

    @property
    def log_name(self) -> str:
        """The name of the log of the present attempt; each attempt has another."""
        return f"{self.id}.{self.log_generation}" if self.log_generation else self.id

    def names_log(self, name: str) -> bool:
        """Tell whether *name* is the log that counts, and not that of a former attempt or one that retention has removed."""
        return name == self.log_name and self.log_removed is None

    @property
    def queue_scope(self) -> str:
        """Whose queue it is in: that of its project, or of the agent that a script is for."""
        facts = self.facts
        return queue_of_project(facts.project_id or facts.project) if facts.project else f"agent {facts.adhoc_agent_id}"

    @property
    def run_key(self) -> str:
        """What tells its run from others of its queue."""
        return self.facts.run_number or self.facts.pipeline_run_id or self.id

    @property
    def is_blocked(self) -> bool:
        """Whether it waits for another execution, an approval or a place in a group; a blocked one is never leased."""
        facts = self.facts
        waits_for_approval = facts.approval_blocked or facts.run_approval_blocked
        waits_for_place = facts.group_blocked or facts.run_group_blocked
        return self.waits_for_others or facts.row_blocked or waits_for_approval or waits_for_place

    @property
    def waits_for_others(self) -> bool:
        """Whether it waits for its needs, or for the pipelines before its own."""
        return self.facts.needs_blocked or self.facts.chain_blocked

    @property
    def awaited_approval(self) -> ApprovalSpec | None:
        """Whose approval it waits for now: its run's from the beginning, its own once all that it waits for is over."""
        if self.status is not JobStatus.QUEUED:
            return None
        if self.facts.run_approval_blocked:
            return self.run_approval
        return self.approval if self.facts.approval_blocked and not self.waits_for_others else None

    @property
    def group(self) -> str:
        """The key of its concurrency group, which no other group has; empty without one."""
        return f"job {self.project_key} {self.concurrency.group}" if self.concurrency else ""

    @property
    def run_group(self) -> str:
        """The key of the concurrency group of its pipeline, which counts runs; empty without one."""
        return f"{_GROUP_OF_RUNS}{self.project_key} {self.run_concurrency.group}" if self.run_concurrency else ""

    @property
    def held_groups(self) -> list[str]:
        """The keys of the groups in which it, or its run, has a place until it is over."""
        facts = self.facts
        held = (not facts.group_blocked and self.group, not facts.run_group_blocked and self.run_group)
        return [] if self.status.is_terminal else [key for key in held if key]

    @property
    def awaited_group(self) -> str:
        """The key of the group in whose line it stands; empty for none. Its run's place comes before its own.

        What waits for another pipeline of its chain stands in the line of its run alone, and what waits for an approval in none.
        """
        facts = self.facts
        if self.status is not JobStatus.QUEUED or facts.run_approval_blocked:
            return ""
        if facts.run_group_blocked:
            return self.run_group
        return self.group if facts.group_blocked and not (facts.chain_blocked or facts.approval_blocked) else ""

    @property
    def is_ready(self) -> bool:
        """Whether it would take a place in the group that it waits for, if one were free."""
        facts = self.facts
        return not (facts.chain_blocked if facts.run_group_blocked else facts.needs_blocked or facts.row_blocked)

    @property
    def turn_in_line(self) -> tuple[int, bool, int, int]:
        """What sorts the line of a group: by runs, and within a run those that are ready first."""
        return int(self.facts.run_number or 0), not self.is_ready, self.place_in_queue, self.number


class AgentRecord(Record, frozen=True, kw_only=True):
    """An agent as last known. It is written only when more than the time of its heartbeat has changed.

    Attributes:
        process: The process that has its id; None when the agent does not tell, or has ended in good order.
        slots: How many executions it runs at once.
        drain_reason: Why it drains: it ends what it has, and gets no other work. Empty while it does not.
    """

    agent_id: str
    hostname: str = ""
    os: str = ""
    arch: str = ""
    version: str = ""
    capabilities: dict[str, str] = msgspec.field(default_factory=dict)
    deactivated: bool = False
    seen: datetime
    process: AgentProcess | None = None
    slots: int = 1
    drain_reason: str = ""

    @property
    def is_withdrawn(self) -> bool:
        """Whether somebody said that it gets no work."""
        return self.deactivated or bool(self.drain_reason)


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
    expired: list[str] = []

    @property
    def bytes(self) -> int:
        """What the files take; links take nothing."""
        return sum(entry.size_bytes for entry in self.entries if not entry.link)


class SettingRecord(Record, frozen=True, kw_only=True):
    """One setting of the server, such as `agent_update_target`."""

    key: str
    value: str


class VaultConnectionRecord(Record, frozen=True, kw_only=True):
    """How to reach one Vault. `secret_id_env` names the variable with the secret id; no secret is ever stored."""

    id: int
    name: str
    url: str = ""
    auth_method: str = "approle"
    approle_mount: str = "approle"
    role_id: str = ""
    secret_id_env: str = ""
    namespace: str = ""
    kv_default_mount: str = ""
    kv_default_version: int = 2
    ca_file: str = ""
    created: datetime
    updated: datetime


class SecretRecord(Record, frozen=True, kw_only=True):
    """A secret of the server's own. Its value is sealed; the key is not in the store.

    Attributes:
        project_id: The project whose jobs may use it; 0 for those of all projects.
        key_id: Which key sealed it.
        sealed: Nonce and ciphertext, in base64.
        branches: Names and patterns of the branches whose runs may use it; empty for all.
    """

    id: int
    name: str
    project_id: int = 0
    key_id: str
    sealed: str
    branches: list[str] = msgspec.field(default_factory=list)
    created: datetime
    updated: datetime


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


class AnswerRecord(Record, frozen=True, kw_only=True):
    """The answer to a request with an `Idempotency-Key`.

    Attributes:
        key: Digest of the caller, method, path and the client's key.
        caller: Who sent the request; empty in what was written before callers were told.
        content: Digest of its query and body; empty in the same records.
        status: HTTP status; 0 while there is no answer yet.
        omitted_bytes: The size of a body that was too large to be kept; 0 for one that is in `body`.
        server: The `instance_id` of the server that answers; empty in what was written before it was told.
    """

    key: str
    created: datetime
    caller: str = ""
    server: str = ""
    content: str = ""
    status: int = 0
    content_type: str = ""
    body: str = ""
    omitted_bytes: int = 0


class TokenRecord(Record, frozen=True, kw_only=True):
    """A token. Its secret is kept nowhere.

    Attributes:
        digest: SHA-256 of the secret, in hex.
        agent_id: With the role agent, the only agent that it is for.
        projects: Names of the only projects that it reaches; empty for all.
        revoked: When it was revoked or, as an enrolment, used up.
        uses_left: With the role enrolment, how many agents it can still enrol.
    """

    id: int
    name: str
    role: Role
    digest: str
    last_four: str
    created: datetime
    created_by: str = ""
    agent_id: str = ""
    projects: list[str] = msgspec.field(default_factory=list)
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None
    uses_left: int = 0

    def counts(self, now: datetime) -> bool:
        """Tell whether it is neither revoked nor expired. At the very instant of its expiry it counts no more."""
        return self.revoked is None and (self.expires is None or now < self.expires)
