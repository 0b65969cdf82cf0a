"""The project file as it is written: one struct per mapping, one field per key.

These structs are the schema. A key without a field is unknown, and the field's type says what is allowed there. The JSON
schema shows what the docstrings say of each. A key that is absent or null has the default here. ``X | None`` is for what means something by its absence. ``str | X`` is for what has
a short form too. Steps, triggers, versioning, caches and services have the same form as in the definition, which only trims
them.
"""

from typing import TypeAlias

from msgspec import Struct, field

from cictl.base.job_parts import CacheSpec, ServiceSpec
from cictl.project_file.definition import Step, Triggers, Versioning

TextMap: TypeAlias = dict[str, str]


class Shape(Struct, frozen=True, kw_only=True):
    """A mapping of the project file."""


class ContainerShape(Shape, frozen=True, kw_only=True):
    """What must be inside the container.

    Attributes:
        tools: Tool to version constraint inside the container.
    """

    tools: TextMap = {}


class RequiresShape(Shape, frozen=True, kw_only=True):
    """What must be there for a job.

    Attributes:
        tools: Tool to version constraint on the agent's host, such as '>=2.30'.
        container: The same inside the container.
    """

    tools: TextMap = {}
    container: ContainerShape = ContainerShape()


class GoCacheSpec(Shape, frozen=True, kw_only=True):
    """The caches of Go.

    Attributes:
        enabled: false switches it off.
    """

    enabled: bool = True


class MatrixShape(Shape, frozen=True, kw_only=True):
    """The rows of a job.

    Attributes:
        axes: Every combination of these values is a row.
        exclude: Combinations that are left out.
        include: Further rows; name names one.
        fail_fast: Whether the rows that wait are cancelled when one fails.
        max_parallel: How many rows run at once.
    """

    axes: dict[str, list[str]] = {}
    exclude: list[TextMap] = []
    include: list[TextMap] = []
    fail_fast: bool = False
    max_parallel: int | None = None


class ArtifactShape(Shape, frozen=True, kw_only=True):
    """Files that are kept under conditions.

    Attributes:
        paths: Patterns of files; ! excludes.
        name: What people call them.
        keep_days: After how many days they are removed; 0 means with the others of the run.
        when: After which end of the job they are kept; success without it.
        required: Whether the job fails when no file matches.
    """

    paths: list[str] = []
    name: str = ""
    keep_days: int = 0
    when: str = ""
    required: bool = False


class NeedShape(Shape, frozen=True, kw_only=True):
    """A job that another one needs.

    Attributes:
        job: Id of the job.
        artifacts: Whether its artifacts are restored.
    """

    job: str = ""
    artifacts: bool | None = None


class ExitShape(Shape, frozen=True, kw_only=True):
    """An exit code as a cause.

    Attributes:
        exit: Exit code for which it runs again.
    """

    exit: int = 0


class RetryShape(Shape, frozen=True, kw_only=True):
    """When a job runs again by itself.

    Attributes:
        limit: How many further executions it gets.
        on: Causes: agent_lost, timed_out, signal, exit: N.
    """

    limit: int = 1
    on: list[str | ExitShape] = []


class ApprovalShape(Shape, frozen=True, kw_only=True):
    """Whose approval a job waits for.

    Attributes:
        roles: Whose tokens may approve: viewer, operator, admin.
        timeout_seconds: How long it waits before it fails.
    """

    roles: list[str] = field(default_factory=lambda: ["operator"])
    timeout_seconds: int = 86_400


class ConcurrencyShape(Shape, frozen=True, kw_only=True):
    """How many of a group go on at once: runs of a pipeline, or executions of a job.

    Attributes:
        group: Name of the group in its project, with templates.
        limit: How many have a place in it at once.
        on_new: What a newer run does to older ones of the group: queue, replace_waiting, cancel_running.
    """

    group: str = ""
    limit: int = 1
    on_new: str = ""


class JobShape(Shape, frozen=True, kw_only=True):
    """One job of a pipeline.

    Attributes:
        id: Unique in its pipeline.
        needs: Jobs of the pipeline that must be over first; their artifacts are restored.
        condition: Condition; success() without one, so that nothing it needs may have failed.
        allow_failure: Whether what needs it runs although it fails.
        priority: -100 to 100; the highest goes first. Without it that of the pipeline.
        retry: When it runs again by itself.
        approval: Whose approval it waits for.
        concurrency: How many executions of its group go on at once.
        locks: Names of what only one job at a time may use on a host, such as port-8000.
        runs_on: What an agent must be: os, arch, labels; and the container of the steps.
        requires: Tools that must be there, with versions.
        timeout_seconds: Limit from start to end; 0 means the server's.
        env: Variables of every step of the job.
        shell: Shell of the steps.
        working_directory: Directory below the checkout in which the steps run.
        services: Containers that run beside the steps.
        artifacts: Patterns of files that are kept, or mappings that say when and for how long.
        outputs: Texts for later jobs: 'from-file: PATH', or empty for what a step writes to $CICTL_OUTPUT.
        caches: Directories kept between jobs.
        go_cache: Adds the caches of Go.
        matrix: One execution of the job for each row.
        steps: What the job does, one after the other.
    """

    id: str = ""
    needs: list[str | NeedShape] = []
    condition: str = field(default="", name="if")
    allow_failure: bool = False
    priority: int | None = None
    retry: RetryShape | None = None
    approval: ApprovalShape | None = None
    concurrency: ConcurrencyShape | None = None
    locks: list[str] = []
    runs_on: TextMap = {}
    requires: RequiresShape = RequiresShape()
    timeout_seconds: int | None = None
    env: TextMap = {}
    shell: str = ""
    working_directory: str = ""
    services: list[ServiceSpec] = []
    artifacts: list[str | ArtifactShape] = []
    outputs: TextMap = {}
    caches: list[CacheSpec] = []
    go_cache: GoCacheSpec | None = None
    matrix: MatrixShape = MatrixShape()
    steps: list[Step] = []


class VcsSourceShape(Shape, frozen=True, kw_only=True):
    """What is checked out.

    Attributes:
        repo: URL of the repository; self for the one that this file is in.
        ref: Branch, tag or commit.
        depth: How many commits are fetched; 0 means all, of all branches.
        tags: Whether all tags are fetched; without it those of the fetched commits.
        submodules: true for those of the repository itself, recursive for theirs too.
        lfs: Whether to fetch what Git LFS keeps.
        path: Folder below the directory of the job into which it is checked out.
    """

    repo: str = ""
    ref: str = ""
    depth: int = 1
    tags: bool | None = None
    submodules: str = ""
    lfs: bool = False
    path: str = ""


class InputShape(Shape, frozen=True, kw_only=True):
    """What whoever starts a run may say.

    Attributes:
        type: What a value may be; text without it.
        options: What a choice may be.
        default: The value of a run that is given none.
        required: Whether a run must be given a value.
        description: For people.
    """

    type: str = ""
    options: list[str] = []
    default: str | None = None
    required: bool = False
    description: str = ""


class PipelineShape(Shape, frozen=True, kw_only=True):
    """One pipeline.

    Attributes:
        id: Unique in the file.
        trigger: vcs for a push to the tracked branch, manual for people.
        depends_on: Pipelines that must have succeeded before; their version, artifacts and commit are taken over.
        on: What starts runs.
        inputs: What whoever starts a run may say: `cictl run shop/build --input level=full`.
        priority: -100 to 100 for its jobs; the highest goes first.
        concurrency: How many runs of its group go on at once.
        env: Variables of every step of the pipeline.
        vcs_source: What is checked out; absent means nothing.
        versioning: How a version is read from a file of the repository.
        jobs: What a run consists of.
    """

    id: str = ""
    trigger: str = ""
    depends_on: list[str] = []
    on: Triggers | None = None
    inputs: dict[str, InputShape] = {}
    priority: int = 0
    concurrency: ConcurrencyShape | None = None
    env: TextMap = {}
    vcs_source: VcsSourceShape | None = None
    versioning: Versioning | None = None
    jobs: list[JobShape] = []


class ChainShape(Shape, frozen=True, kw_only=True):
    """Pipelines that run in the order of their dependencies.

    Attributes:
        id: Unique among the chains.
        pipelines: Ids of pipelines, each once.
    """

    id: str = ""
    pipelines: list[str] = []


class NamingShape(Shape, frozen=True, kw_only=True):
    """The project.

    Attributes:
        name: Name of the project.
    """

    name: str = ""


class DefaultsShape(Shape, frozen=True, kw_only=True):
    """What jobs have unless they say otherwise.

    Attributes:
        env: Variables of every step of the file.
        timeout_seconds: Time limit of each job that has none itself; 0 means the server's.
        shell: Shell of each job that names none itself.
    """

    env: TextMap = {}
    timeout_seconds: int = 0
    shell: str = ""


class IncludeShape(Shape, frozen=True, kw_only=True):
    """A file that is taken too.

    Attributes:
        file: Path in the repository.
    """

    file: str = ""


class NotifyShape(Shape, frozen=True, kw_only=True):
    """Whom the server tells when runs have ended.

    Attributes:
        on: At which ends, compared with the last result of the same pipeline and branch.
        webhook: The URL to which the message is posted.
        secret_env: The secret of the server, or the variable of its environment, that signs the message: 'CICTL_NOTIFY_CHAT'.
        command: The name of a program that the server's operator allows, instead of a webhook.
        branches: Patterns of branches; by default any.
        pipelines: Ids of pipelines and chains; by default all.
    """

    on: list[str] = []
    webhook: str = ""
    secret_env: str = ""
    command: str = ""
    branches: list[str] = []
    pipelines: list[str] = []


class FileShape(Shape, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        version: Version of the language: 1.
        project: The project.
        include: Files of the same commit whose defaults, pipelines and chains are taken too.
        defaults: What jobs have unless they say otherwise.
        pipelines: What can be run.
        pipeline_chains: Pipelines that run in the order of their dependencies.
        notify: Whom the server tells when runs have ended.
    """

    version: int = 0
    project: NamingShape = NamingShape()
    include: list[IncludeShape] = []
    defaults: DefaultsShape = DefaultsShape()
    pipelines: list[PipelineShape] = []
    pipeline_chains: list[ChainShape] = []
    notify: list[NotifyShape] = []
