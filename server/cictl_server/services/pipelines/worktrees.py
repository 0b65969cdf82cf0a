"""Runs of working trees: somebody sends the files of a checkout as they are, and they are built instead of what the remote has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from cictl.base.names.git_names import SELF
from cictl.project_file import Pipeline
from cictl.wire.projects import RunRequest, RunResponse, Worktree
from cictl_server.blobs.contract import BLOCK, BlobMissing, Blobs, blocks
from cictl_server.errors import Conflict, Forbidden, GitFailed, InvalidRequest, NotFound, TooLarge
from cictl_server.services.artifacts.artifacts import StoredFile
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.core.deeds import actor_name
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.core.scratch import Scratch
from cictl_server.services.history.lookup import get_job
from cictl_server.services.pipelines.commits import CommitNote
from cictl_server.services.pipelines.planning import WORKTREE
from cictl_server.services.pipelines.run_preparation import CommitStart, Preparer
from cictl_server.services.pipelines.runs import Occasion, RunService
from cictl_server.services.projects.definitions import read_definition
from cictl_server.services.projects.lookup import get_pipeline, get_project
from cictl_server.services.projects.projects import placed
from cictl_server.services.projects.remotes import FetchedCommit, Remotes
from cictl_server.services.projects.worktrees import worktree_of
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.projects import ProjectRecord

_LONGEST_LINE = 4096
_MESSAGE = "a working tree, which nobody committed"
_GONE = "the working tree of this run is not kept any more"
_SEND_AGAIN = "send it again: cictl run TARGET --worktree"


class WorktreeService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    blobs: Blobs
    remotes: Remotes
    preparer: Preparer
    runs: RunService
    numbers: NumberSource
    limits: ArtifactLimits
    scratch: Scratch

    def receive(self, project_id: int, body: IO[bytes]) -> Worktree:
        """Keep a bundle of git, whose HEAD is a commit of the files, for one run of a pipeline of the project.

        Raises:
            NotFound: No such project.
            InvalidRequest: It is no bundle, or has no HEAD.
            TooLarge, DiskLow, BlobsAway, NoCapacity: It can't be kept.
        """
        self.runs.disk.check_room("run")
        with self.store.read() as view:
            get_project(view, project_id)
        run_id = f"run-{self.numbers.next()}"
        with self.scratch.folder("worktree") as directory:
            bundle = directory / "bundle"
            with bundle.open("wb") as file:
                _copy(body, file, most=self.limits.total_bytes)
            commit = self._commit_of(bundle)
            with bundle.open("rb") as file:
                self.blobs.put(worktree_of(self.blobs, project_id, run_id), file)
        return Worktree(worktree=run_id, commit=commit)

    def run(self, pipeline_db_id: int, request: RunRequest, *, starter: JobRecord | None = None) -> RunResponse:
        """Enqueue a run of a pipeline as the project file of the working tree `request.worktree` defines it.

        Raises:
            NotFound: No such pipeline, or working tree of its project.
            Conflict: The working tree has been run.
            InvalidRequest: Its project file breaks rules, or lacks the pipeline, or that builds another repository; and as
                `RunService.run_pipeline`.
        """
        if starter is not None:
            raise Forbidden("the token of a job starts no runs of working trees")
        if request.source_ref or request.execution_mode:
            raise InvalidRequest("a working tree is built as it is: source_ref and execution_mode mean nothing for it")
        self.runs.disk.check_room("run")
        with self.store.read() as view:
            record = get_pipeline(view, pipeline_db_id)
            project = get_project(view, record.project_id)
        with self._bundle(project.id, request.worktree) as bundle, self.remotes.fetched(str(bundle), "") as tree:
            pipeline = _pipeline_at(tree, project, record.definition.id)
            note = CommitNote(message=_MESSAGE, author=actor_name())
            start = CommitStart(tree=tree, ref="", event=WORKTREE, commit=note, worktree=request.worktree)
            prepared = self.preparer.at_commit(project, pipeline, start, request=request)
        expected = len(prepared.planned)

        def check(tx: Transaction, _number: int) -> None:
            if len(tx.jobs.of_run(request.worktree)) > expected:
                raise Conflict("this working tree has been run; each is for one run", hint=_SEND_AGAIN)

        return self.runs.enqueue(prepared, request, Occasion(event=WORKTREE, keep=check))

    def find_file(self, job_id: str) -> StoredFile:
        """Return the bundle that an execution checks out.

        Raises:
            NotFound: There is no such execution, it builds no working tree, or that is not kept any more.
        """
        with self.store.read() as view:
            job = get_job(view, job_id)
        if job.source is None or not job.source.worktree:
            raise NotFound("working tree")
        key = worktree_of(self.blobs, int(job.facts.project_id or 0), job.source.worktree)
        blob = self.blobs.find(key)
        if blob is None:
            raise NotFound("working tree", hint=f"{_GONE}; {_SEND_AGAIN}")
        return StoredFile(blobs=self.blobs, blob=blob, name=f"{job.source.worktree}.bundle")

    def _commit_of(self, bundle: Path) -> str:
        if _needs_others(bundle):
            raise InvalidRequest(
                "the bundle lacks commits that it needs; a working tree is one commit without a history"
            )
        try:
            with self.remotes.fetched(str(bundle), "") as tree:
                return tree.commit
        except GitFailed as error:
            raise InvalidRequest(f"the body is no bundle of git with a HEAD: {error}") from error

    @contextmanager
    def _bundle(self, project_id: int, worktree: str) -> Iterator[Path]:
        """Yield the bundle as a file of this machine."""
        with self.scratch.folder("worktree") as directory:
            bundle = directory / "bundle"
            try:
                with (
                    self.blobs.open(worktree_of(self.blobs, project_id, worktree)) as source,
                    bundle.open("wb") as target,
                ):
                    target.writelines(blocks(source))
            except BlobMissing as error:
                raise NotFound("working tree", hint=_SEND_AGAIN) from error
            yield bundle


def _pipeline_at(tree: FetchedCommit, project: ProjectRecord, pipeline_id: str) -> Pipeline:
    definition = read_definition(tree, project.config_file)
    found = next((pipeline for pipeline in definition.file.pipelines if pipeline.id == pipeline_id), None)
    if found is None:
        raise InvalidRequest(f'the {definition.config_file} of the working tree has no pipeline "{pipeline_id}"')
    if found.vcs_source is None or found.vcs_source.repo not in (SELF, project.repo_url):
        raise InvalidRequest(
            f'pipeline "{pipeline_id}" does not build the repository of its project, so a working tree has no place in it',
            hint="vcs_source: {repo: self} says that it does",
        )
    if found.versioning is not None and found.versioning.auto_bump:
        raise InvalidRequest(f'pipeline "{pipeline_id}" raises the version by a push, which a working tree must not do')
    return placed(found, project)


def _needs_others(bundle: Path) -> bool:
    """Tell whether a bundle says that whoever takes it has other commits already: git would wait for them in vain."""
    with bundle.open("rb") as file:
        for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
            if line.startswith(b"-") or line == b"\n":
                return line != b"\n"
    return False


def _copy(source: IO[bytes], target: IO[bytes], *, most: int) -> None:
    """Copy *source*; 0 for *most* copies any size."""
    size = 0
    while block := source.read(BLOCK):
        size += len(block)
        if most and size > most:
            raise TooLarge(f"the working tree is larger than {most} bytes, which --max-artifacts allows")
        target.write(block)
