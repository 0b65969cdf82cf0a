"""The definition that a valid project file gives: what the server stores and plans from.

Text is trimmed wherever it names or refers to something; commands, environment values, artifact patterns and the
values of `runs_on` other than executor and shell stay as written. All of it survives a JSON round trip.
"""

from msgspec import Struct

from cictl.base.job_parts import CacheSpec, SecretRef


class Definition(Struct, frozen=True, kw_only=True):
    """A part of a project's definition."""


class VaultUse(Definition, frozen=True, kw_only=True):
    """Where secrets come from: a vault connection by name, and what to read there."""

    connection: str = ""
    secrets: list[SecretRef] = []


class Test(Definition, frozen=True, kw_only=True):
    """A command that leaves a report.

    Attributes:
        name: Empty when the plan is to name it.
        format: go-test-json, junit-xml or junit.
        report: Path of the report below the checkout.
        coverage_format: go-coverprofile, lcov or empty.
        coverage_report: Path below the checkout, or empty.
    """

    name: str = ""
    command: str = ""
    report: str = ""
    format: str = "go-test-json"
    coverage_format: str = ""
    coverage_report: str = ""


class Step(Definition, frozen=True, kw_only=True):
    """One step of a job: either `run` is not blank, or `test` is there.

    Attributes:
        run: Shell text with templates, as written.
        env: The step's environment, with templates and secret placeholders.
        vault: Declares every secret that `env` names.
    """

    run: str = ""
    test: Test | None = None
    skip_dry_run: bool = False
    env: dict[str, str] = {}
    vault: VaultUse | None = None


class Job(Definition, frozen=True, kw_only=True):
    """One job of a pipeline.

    Attributes:
        needs: Ids of jobs of the same pipeline, without cycles.
        runs_on: As written, but executor and shell trimmed and in lower case.
        requires_tools: Host tool to version constraint.
        requires_container_tools: Tool inside the container to version constraint.
        timeout_seconds: 0 for no limit.
        caches: The effective ones, those of go_cache at the end.
        matrix: One mapping of variables per row; empty for a job without matrix.
    """

    id: str
    needs: list[str] = []
    runs_on: dict[str, str] = {}
    requires_tools: dict[str, str] = {}
    requires_container_tools: dict[str, str] = {}
    timeout_seconds: int = 0
    artifacts: list[str] = []
    caches: list[CacheSpec] = []
    matrix: list[dict[str, str]] = []
    steps: list[Step] = []


class VcsSource(Definition, frozen=True, kw_only=True):
    """What is checked out; an empty `ref` leaves the choice to the server."""

    repo: str
    ref: str = ""


class Versioning(Definition, frozen=True, kw_only=True):
    """Versions read from a file of the repository.

    Attributes:
        file: Relative path.
        auto_bump: patch, minor, major or empty.
        auto_bump_vcs_token: A literal token, or text with secret placeholders that `auto_bump_vault` declares.
    """

    file: str = "VERSION"
    tag_prefix: str = "v"
    auto_bump: str = ""
    auto_bump_vcs_token: str = ""
    auto_bump_vault: VaultUse | None = None


class Pipeline(Definition, frozen=True, kw_only=True):
    """One pipeline; jobs in file order.

    Attributes:
        trigger: manual, vcs or empty; nothing starts a run by itself.
        depends_on: Ids of pipelines of the same file, without cycles.
        vcs_source: None means that nothing is checked out.
    """

    id: str
    trigger: str = ""
    depends_on: list[str] = []
    vcs_source: VcsSource | None = None
    versioning: Versioning | None = None
    jobs: list[Job] = []


class Chain(Definition, frozen=True, kw_only=True):
    """Pipelines that run in the order of their dependencies."""

    id: str
    pipelines: list[str] = []


class ProjectFile(Definition, frozen=True, kw_only=True):
    """A whole file; pipelines and chains in file order."""

    name: str
    version: int = 1
    pipelines: list[Pipeline] = []
    pipeline_chains: list[Chain] = []
