"""The definition that a valid project file gives. The server stores it and plans from it.

A text that names or refers to something is trimmed. Commands, environment values, artifact patterns and the values of
`runs_on` other than executor and shell stay as written. A definition survives a JSON round trip.
"""

from enum import StrEnum

from msgspec import Struct, field

from cictl.base.job_parts import (
    ApprovalSpec,
    ArtifactSpec,
    CacheSpec,
    ConcurrencySpec,
    RetrySpec,
    SecretRef,
    ServiceSpec,
)
from cictl.project_file.tools import tools_of_row


class Definition(Struct, frozen=True, kw_only=True):
    """A part of a project's definition."""


class VaultUse(Definition, frozen=True, kw_only=True):
    """The vault that secrets come from.

    Attributes:
        connection: Name of a vault connection of the server.
        secrets: What is read there.
    """

    connection: str = ""
    secrets: list[SecretRef] = []


class Test(Definition, frozen=True, kw_only=True):
    """A command that leaves a report.

    Attributes:
        name: What people call the tests; empty if the plan chooses the name.
        command: Shell text with templates, as written.
        format: go-test-json, junit-xml or junit.
        report: Paths of the reports below the checkout, as written: one text with a path a line, or a list.
        coverage_format: go-coverprofile, lcov, cobertura, jacoco, or empty.
        coverage_report: Path below the checkout, or empty.
    """

    name: str = ""
    command: str = ""
    report: str | list[str] = ""
    format: str = "go-test-json"
    coverage_format: str = ""
    coverage_report: str = ""

    @property
    def report_paths(self) -> str:
        """The paths of the reports, one a line."""
        return self.report if isinstance(self.report, str) else "\n".join(self.report)


class Step(Definition, frozen=True, kw_only=True):
    """One step of a job. Either `run` is not blank, or `test` is set.

    Attributes:
        run: Shell text with templates, as written.
        test: A command that leaves a report, instead of `run`.
        name: What people call it; empty for its command.
        timeout_seconds: Limit from its start to its end; 0 for none but the job's.
        working_directory: Path below the checkout; empty for the job's.
        continue_on_error: Whether the job goes on when the step fails.
        condition: Whether the step runs, `if` in the file; empty for `success()`.
        shell: posix, bash, cmd or powershell; empty for the job's.
        skip_dry_run: Whether dry runs leave the step out.
        env: The step's environment, with templates and secret placeholders.
        vault: Declares every secret that `env` uses; None for those of the server.
    """

    run: str = ""
    test: Test | None = None
    name: str = ""
    timeout_seconds: int = 0
    working_directory: str = ""
    continue_on_error: bool = False
    condition: str = field(default="", name="if")
    shell: str = ""
    skip_dry_run: bool = False
    env: dict[str, str] = {}
    vault: VaultUse | None = None


class Job(Definition, frozen=True, kw_only=True):
    """One job of a pipeline.

    Attributes:
        needs: Ids of jobs of the same pipeline, without cycles.
        need_artifacts: Of needs of which the file says it, whether their artifacts are restored before the steps.
        restores_needs: Whether the artifacts of the other needs are.
        condition: `if` in the file; empty for `success()`.
        allow_failure: Whether what needs it runs also if it fails.
        priority: -100 to 100; None for the pipeline's.
        retry: None if it is never run again by itself.
        approval: None if it waits for nobody's.
        concurrency: How many executions of its group run at once; None for any number.
        locks: Names of what only one job at a time may use on a host.
        runs_on: As written, but executor and shell are trimmed and in lower case.
        requires_tools: Version constraints by tools of the host; both may have variables of the matrix.
        requires_container_tools: Version constraints by tools inside the container.
        timeout_seconds: 0 for no limit.
        env: The job's own environment, with templates; it wins over the pipeline's.
        shell: posix, bash, cmd, powershell, or empty for the agent's first; from the job, its `runs_on`, or the defaults.
        working_directory: Path below the checkout; empty for the checkout itself.
        services: Containers that run beside its steps.
        artifacts: The items of `artifacts` that are patterns; such files are kept whatever the end of the job.
        kept_files: Its items that are mappings.
        outputs: By name, the path below the checkout of the file that holds it; empty for one that a step writes to
            `$CICTL_OUTPUT`.
        caches: The declared ones, then those that `go_cache` adds.
        matrix: The variables of each row; empty for a job without matrix.
        fail_fast: Whether the rows that wait are cancelled when one fails.
        max_parallel: How many rows run at once; 0 for all.
    """

    id: str
    needs: list[str] = []
    need_artifacts: dict[str, bool] = {}
    restores_needs: bool = False
    condition: str = field(default="", name="if")
    allow_failure: bool = False
    priority: int | None = None
    retry: RetrySpec | None = None
    approval: ApprovalSpec | None = None
    concurrency: ConcurrencySpec | None = None
    locks: list[str] = []
    runs_on: dict[str, str] = {}
    requires_tools: dict[str, str] = {}
    requires_container_tools: dict[str, str] = {}
    timeout_seconds: int = 0
    env: dict[str, str] = {}
    shell: str = ""
    working_directory: str = ""
    services: list[ServiceSpec] = []
    artifacts: list[str] = []
    kept_files: list[ArtifactSpec] = []
    outputs: dict[str, str] = {}
    caches: list[CacheSpec] = []
    matrix: list[dict[str, str]] = []
    fail_fast: bool = False
    max_parallel: int = 0
    steps: list[Step] = []

    @property
    def host_tools(self) -> set[str]:
        """The tools of the host that its rows require."""
        return {name for row in self.matrix or [{}] for name in tools_of_row(self.requires_tools, row)}

    @property
    def restored_needs(self) -> list[str]:
        """The needs whose artifacts are restored before the steps."""
        return [need for need in self.needs if self.need_artifacts.get(need, self.restores_needs)]


class VcsSource(Definition, frozen=True, kw_only=True):
    """What is checked out. For an empty `ref` the server chooses one.

    Attributes:
        repo: A URL or path. The server puts that of the project for `self`.
        follows_default: The server chose `ref`, because it is the remote's default branch. It may have another name next time.
        depth, tags, submodules, lfs, path: As in `cictl.wire.jobs.Source`.
    """

    repo: str
    ref: str = ""
    follows_default: bool = False
    depth: int = 1
    tags: bool | None = None
    submodules: str = ""
    lfs: bool = False
    path: str = ""


class Versioning(Definition, frozen=True, kw_only=True):
    """How versions are read from a file of the repository, and raised.

    Attributes:
        file: Path in the repository of the file that holds `x.y.z`.
        tag_prefix: What stands before the version in tags.
        auto_bump: Which part of the version a run raises and pushes: patch, minor, major or empty.
        auto_bump_vcs_token: A token, or a text with placeholders for secrets that `auto_bump_vault` declares.
        auto_bump_vault: Where these secrets come from.
    """

    file: str = "VERSION"
    tag_prefix: str = "v"
    auto_bump: str = ""
    auto_bump_vcs_token: str = ""
    auto_bump_vault: VaultUse | None = None


class InputType(StrEnum):
    """What the value of an input may be."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Input(Definition, frozen=True, kw_only=True):
    """What whoever starts a run of a pipeline may say.

    Attributes:
        options: What a choice may be.
        default: The value when none is given; None if there is none.
        required: Whether a run must be given a value.
    """

    type: InputType = InputType.TEXT
    options: list[str] = []
    default: str | None = None
    required: bool = False
    description: str = ""


class Push(Definition, frozen=True, kw_only=True):
    """A push that starts runs. With only `branches`, tags are left out, and the other way round; with neither, only tags are.

    Attributes:
        branches, tags: Patterns of names. `**` crosses slashes, and `!` in front excludes; the later one wins.
        paths: The same for changed files; empty for any.
    """

    branches: list[str] = []
    tags: list[str] = []
    paths: list[str] = []


class PullRequest(Definition, frozen=True, kw_only=True):
    """A pull request that starts runs.

    Attributes:
        branches: Patterns of the branches that it is to be merged into; empty for any.
        paths: As in `Push`.
    """

    branches: list[str] = []
    paths: list[str] = []


class Schedule(Definition, frozen=True, kw_only=True):
    """Times at which runs start.

    Attributes:
        cron: Five fields, or a word such as `@daily`.
        timezone: Of the IANA database; empty for UTC.
        ref: Branch or tag to build; empty for the pipeline's own.
        inputs: Values of the pipeline's inputs.
    """

    cron: str = ""
    timezone: str = ""
    ref: str = ""
    inputs: dict[str, str] = {}


class Triggers(Definition, frozen=True, kw_only=True):
    """What starts runs of a pipeline besides people.

    Attributes:
        push: A push.
        pull_request: A pull request.
        schedule: Times at which runs start.
        after: Ids of pipelines of the same file, after whose success on a branch it runs there too.
    """

    push: Push | None = None
    pull_request: PullRequest | None = None
    schedule: list[Schedule] = []
    after: list[str] = []


class Pipeline(Definition, frozen=True, kw_only=True):
    """One pipeline. Its jobs are in the order of the file.

    Attributes:
        trigger: manual, vcs or empty. Without `on`, vcs means pushes to the branch that the project follows.
        depends_on: Ids of pipelines of the same file, without cycles.
        on: None means that only people start runs.
        inputs: By name, in the order of the file.
        priority: -100 to 100. Of what waits for agents, the highest is given out first.
        concurrency: How many runs of its group go on at once; None for any number.
        env: The environment of its jobs, with templates: its own, and what the defaults add.
        vcs_source: None means that nothing is checked out.
    """

    id: str
    trigger: str = ""
    depends_on: list[str] = []
    on: Triggers | None = None
    inputs: dict[str, Input] = {}
    priority: int = 0
    concurrency: ConcurrencySpec | None = None
    env: dict[str, str] = {}
    vcs_source: VcsSource | None = None
    versioning: Versioning | None = None
    jobs: list[Job] = []


class Chain(Definition, frozen=True, kw_only=True):
    """Pipelines that run in the order of their dependencies."""

    id: str
    pipelines: list[str] = []


class NotifyOn(StrEnum):
    """What may have become of a branch when a run of it has ended."""

    BROKEN = "broken"
    """The run failed, and the one before did not."""
    FIXED = "fixed"
    """The run succeeded, and the one before failed."""
    STILL_FAILING = "still_failing"
    """Both failed."""
    ALWAYS = "always"
    """Any end of a run, also one that was cancelled."""


class Notify(Definition, frozen=True, kw_only=True):
    """Whom the server tells when a run has ended: either `webhook` or `command` is set.

    Attributes:
        on: At which ends.
        webhook: The URL to which the message is posted.
        secret_env: The secret of the server, or else the variable of its environment, with the key that signs the message.
        command: The name of a program that the operator of the server allows.
        branches: Patterns of names, as in `Push`; empty for any branch, and for runs of none.
        pipelines: Ids of pipelines and chains; empty for all.
    """

    on: list[NotifyOn]
    webhook: str = ""
    secret_env: str = ""
    command: str = ""
    branches: list[str] = []
    pipelines: list[str] = []

    @property
    def target(self) -> str:
        """The one whom it tells. Two entries with the same target share a queue."""
        return self.webhook or f"command {self.command}"


class ProjectFile(Definition, frozen=True, kw_only=True):
    """A whole file. Pipelines and chains are in its order."""

    name: str
    version: int = 1
    pipelines: list[Pipeline] = []
    pipeline_chains: list[Chain] = []
    notify: list[Notify] = []
