"""The keys of a job's metadata: what each means and who sets it. No other file spells one.

On the wire and in the store, metadata is a map of texts. `JobMetadata` reads and makes such a map:

    job.facts.needs_job_ids                                  # ["lint", "test"]
    JobMetadata.entries(JobMetadata.dry_run(True))           # {"dry_run": "1"}
    JobMetadata.without(job.metadata, JobMetadata.dry_run)   # without that key

This module imports nothing that is slow to load, because shell completion reads metadata too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Key(Generic[T]):
    """One key of the metadata.

    On an instance of `JobMetadata`, the attribute is the value. On the class it is the key, and calling it makes an entry.
    """

    def __init__(self, name: str, *, read: Callable[[str], T], write: Callable[[T], str]) -> None:
        self.name = name
        self._read = read
        self._write = write

    @overload
    def __get__(self, metadata: None, owner: type[JobMetadata]) -> Key[T]: ...

    @overload
    def __get__(self, metadata: JobMetadata, owner: type[JobMetadata]) -> T: ...

    def __get__(self, metadata: JobMetadata | None, owner: type[JobMetadata]) -> Key[T] | T:
        return self if metadata is None else self._read(metadata.texts.get(self.name, ""))

    def __call__(self, value: T) -> tuple[str, str]:
        """Return the entry that says *value*."""
        return self.name, self._write(value)

    def of(self, metadata: JobMetadata) -> T:
        """Return the value in *metadata*. An absent key has the value of an empty text."""
        return self._read(metadata.texts.get(self.name, ""))


class _Text(Key[str]):
    """A key whose value is its text, as that of most. These are read all the time."""

    def __init__(self, name: str) -> None:
        super().__init__(name, read=str, write=str)

    def __get__(self, metadata: JobMetadata | None, owner: type[JobMetadata]) -> Any:
        return self if metadata is None else metadata.texts.get(self.name, "")


def _text(name: str) -> Key[str]:
    return _Text(name)


def _flag(name: str) -> Key[bool]:
    return Key(name, read="1".__eq__, write=lambda is_set: "1" if is_set else "")


def _names(name: str) -> Key[list[str]]:
    """Return a key whose value is a list of names, separated by commas. Ids and names here have no comma in them."""
    return Key(name, read=lambda text: [one for one in text.split(",") if one], write=",".join)


class JobMetadata:
    """A typed view of one job's metadata.

    The plan sets a key unless its docstring names another place. An absent key reads as "", False or [].
    """

    __slots__ = ("texts",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    # Whose job it is.
    project = _text("project")
    """Name of the project."""
    project_id = _text("project_id")
    """Number of the project, as a text."""
    pipeline_id = _text("pipeline_id")
    """Id of the pipeline in its file."""
    pipeline_run_id = _text("pipeline_run_id")
    run_number = _text("run_number")
    """Number of the run, from 1, by which people name it. All pipelines of a chain run have the same one, and a script has
    one too. It is given when the run is stored."""
    pipeline_job_id = _text("pipeline_job_id")
    """Id of the job in its pipeline."""
    pipeline_job_index = _text("pipeline_job_index")
    """Row of the matrix, from 0; 0 for a job without matrix."""
    matrix_index = _text("matrix_index")
    """Row of the matrix, from 0; absent for a job without matrix."""
    matrix_name = _text("matrix_name")
    """The row's variable `name`."""
    build_target = _text("build_target")
    """The same as `matrix_name`. The search for the jobs that a job depends on compares it too."""

    # What it builds, and how.
    pipeline_source_repo = _text("pipeline_source_repo")
    pipeline_source_ref_raw = _text("pipeline_source_ref_raw")
    """The ref as configured or overridden."""
    tracked_ref = _text("tracked_ref")
    """The ref of the pipeline's own file, whose caches do where those of the built ref have none. Set for jobs with such caches."""
    pipeline_source_ref_resolved = _text("pipeline_source_ref_resolved")
    """The commit that it was resolved to."""
    base_branch = _text("base_branch")
    """The branch that the pull request is to be merged into, for a run of one (ours)."""
    from_fork = _flag("from_fork")
    """Whoever wrote what it runs may have no right to the repository: it gets no secrets, and its token only reads (ours)."""
    pipeline_version_raw = _text("pipeline_version_raw")
    """`1.2.3`"""
    pipeline_version = _text("pipeline_version")
    """`v1.2.3`"""
    build_version = _text("build_version")
    """The same as `pipeline_version`, under an older name."""
    dry_run = _flag("dry_run")
    execution_mode = _text("execution_mode")
    """`offline_cached`. The preparation of such a run sets it."""
    next_version = _text("next_version")
    """The version that the automatic bump raises to. The bump sets it."""
    auto_bump_branch = _text("auto_bump_branch")
    """The branch that the automatic bump pushes to. The bump sets it."""

    attempt = _text("attempt")
    """Which execution of its job in its run it is, from 2; absent for the first. A rerun sets it (ours)."""

    # What it waits for in its own run.
    needs_job_ids = _names("needs_job_ids")
    restored_needs_job_ids = _names("restored_needs_job_ids")
    """Of these needs, those whose artifacts are restored before the steps (ours)."""
    needs_blocked = _flag("needs_blocked")
    """It waits for its needs. The key is removed when all have succeeded, or when one has failed."""
    row_blocked = _flag("row_blocked")
    """It waits for other rows of its matrix, of which only some run at once. The key is removed when it may run (ours)."""
    approval_blocked = _flag("approval_blocked")
    """It waits for an approval of its own, once its needs and its pipeline's are over. The key is removed when somebody approves (ours)."""
    run_approval_blocked = _flag("run_approval_blocked")
    """It waits for the approval of its whole run. The key is removed when somebody approves (ours)."""
    run_asks_approval = _flag("run_asks_approval")
    """It, or another job of its run, is planned to wait for an approval (ours)."""
    group_blocked = _flag("group_blocked")
    """It waits for a place in its concurrency group. The key is removed when it gets one, which it has until it is over (ours)."""
    run_group_blocked = _flag("run_group_blocked")
    """Its run waits for a place in the group of its pipeline. The key is removed as the other (ours)."""
    missing_needs_job_ids = _names("missing_needs_job_ids")
    """Needs that the selection of a preview leaves out."""

    # Its place in a chain run, and what it waits for there; set by the preparation of the chain.
    chain_run_id = _text("chain_run_id")
    pipeline_chain_id = _text("pipeline_chain_id")
    """Id of the chain in its file."""
    pipeline_chain_index = _text("pipeline_chain_index")
    """Place of its pipeline, from 0."""
    pipeline_chain_position = _text("pipeline_chain_position")
    """Place of its pipeline, from 1."""
    pipeline_chain_total = _text("pipeline_chain_total")
    chain_depends_on_pipelines = _names("chain_depends_on_pipelines")
    chain_blocked = _flag("chain_blocked")
    """It waits for those pipelines. The key is removed when all have succeeded, or when one has failed."""
    chain_cancelled = _flag("chain_cancelled")
    """One of those pipelines failed. Set when that ends the job."""

    # The container that its steps run in. The plan takes them from `runs_on`.
    container_image = _text("runtime_probe.container_image")
    container_workdir = _text("runtime_exec.container_workdir")
    container_user = _text("runtime_exec.container_user")
    container_devices = _text("runtime_exec.container_devices")
    container_groups = _text("runtime_exec.container_groups")

    # A script for one agent, without a project; set when it is queued.
    adhoc = _flag("adhoc")
    adhoc_agent_id = _text("adhoc_agent_id")
    adhoc_shell = _text("adhoc_shell")

    has_secrets = _flag("has_secrets")
    """The lease answer has values to mask. Set in that answer only, never stored."""

    @staticmethod
    def entries(*entries: tuple[str, str]) -> dict[str, str]:
        """Return the metadata of these entries, without those that are empty."""
        return {name: text for name, text in entries if text}

    @staticmethod
    def without(texts: Mapping[str, str], key: Key[bool]) -> dict[str, str]:
        """Return *texts* without one key."""
        return {name: text for name, text in texts.items() if name != key.name}

    @classmethod
    def keys(cls) -> dict[str, Key[object]]:
        """Return every key by its name."""
        return {key.name: key for key in vars(cls).values() if isinstance(key, Key)}
