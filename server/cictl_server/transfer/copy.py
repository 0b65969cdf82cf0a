"""The copy of everything, in an order that can be interrupted anywhere and done again.

The first change of the target is a mark, with which no server starts; the last one takes it away. A target that holds something
is taken only with the mark of the same source. Each step between them makes a part of the target the same as the source, whatever
a former run has left there, and reads it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from cictl_server.blobs.contract import PROJECTS
from cictl_server.log_writer.blob_keys import LOGS
from cictl_server.services.artifacts.places import ARTIFACTS, REPORTS, artifacts_of, reports_of
from cictl_server.services.projects.icons import ICONS, icon_of
from cictl_server.services.projects.worktrees import WORKTREES, worktree_of
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.tiny.unfinished import mark_finished, mark_unfinished, refuse_unfinished, source_of_copy
from cictl_server.transfer.errors import TargetTaken
from cictl_server.transfer.files import copy_blob, copy_folder
from cictl_server.transfer.logs import copy_log
from cictl_server.transfer.place import Place, have_same_files
from cictl_server.transfer.records import Tell, compare_records, copy_records
from cictl_server.transfer.tables import KINDS, iter_executions

_AT_ONCE = 8
"""So many executions have their files copied side by side: each waits for the network most of its time."""
_MOST_PENDING = 4 * _AT_ONCE
_TELL_EVERY = 1000
_AREAS = (ARTIFACTS, REPORTS, ICONS, LOGS, WORKTREES, PROJECTS)

Work = Callable[[], list[int]]
"""Copies something, and returns the size of each file that there is."""


class Transferred(msgspec.Struct, frozen=True, kw_only=True):
    """What the target has now.

    Attributes:
        records: Counts by table.
        files: Artifacts, reports, icons and logs; `size_bytes` is what they have in all.
        files_stayed: Both ends keep artifacts, reports and icons in the same place, so only logs are counted.
    """

    records: dict[str, int]
    files: int
    size_bytes: int
    files_stayed: bool


def transfer(source: Place, target: Place, tell: Tell) -> Transferred:
    """Copy everything, and prove that it is the same.

    Args:
        tell: Gets a line now and then.

    Raises:
        Conflict: The target holds something, or a server uses one of them.
        CopyDiffers: The target is not the same. It stays marked.
        CictlError, OSError: Something can't be read or kept. The copy can be started again.
    """
    _begin(source, target)
    copy_records(source.store, target.store, tell)
    files = _Files(source, target, tell)
    files.copy_all()
    tell("comparing the records")
    records = compare_records(source.store, target.store)
    source.refuse_servers()
    target.refuse_servers()
    target.store.write(mark_finished)
    return Transferred(records=records, files=files.count, size_bytes=files.size_bytes, files_stayed=files.stay)


def _begin(source: Place, target: Place) -> None:
    source.refuse_servers()
    refuse_unfinished(source.store, where=source.shown)
    with target.store.read() as view:
        begun = source_of_copy(view)
        present = next((kind.name for kind in KINDS if kind.of(view).count()), "")
    if begun and begun != source.shown:
        raise TargetTaken(target.shown, f"a part of a copy from {begun}")
    if not begun:
        if present:
            raise TargetTaken(target.shown, f"records of {present}")
        if not have_same_files(source, target):
            _refuse_files(target)
        target.store.write(lambda tx: mark_unfinished(tx, source.shown))
    target.refuse_servers()


def _refuse_files(target: Place) -> None:
    for area in _AREAS:
        if blob := next(target.blobs.iter_below(area), None):
            raise TargetTaken(target.blobs.place, blob.key)


class _Files:
    """The files of both ends.

    Attributes:
        stay: Both keep artifacts, reports and icons in the same place.
        count: How many there are; `size_bytes` is what they have in all.
    """

    def __init__(self, source: Place, target: Place, tell: Tell) -> None:
        self._source = source
        self._target = target
        self._tell = tell
        self.stay = have_same_files(source, target)
        self.count = self.size_bytes = 0

    def copy_all(self) -> None:
        pending: deque[Future[list[int]]] = deque()
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="copy") as pool:
            try:
                for work in self._works():
                    pending.append(pool.submit(work))
                    if len(pending) >= _MOST_PENDING:
                        self._note(pending.popleft().result())
                while pending:
                    self._note(pending.popleft().result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._tell(f"copied {self.count} files, {self.size_bytes} bytes")

    def _note(self, sizes: list[int]) -> None:
        before = self.count // _TELL_EVERY
        self.count += len(sizes)
        self.size_bytes += sum(sizes)
        if self.count // _TELL_EVERY > before:
            self._tell(f"copied {self.count} files, {self.size_bytes} bytes so far")

    def _works(self) -> Iterator[Work]:
        trees = set[str]()
        for job, artifacts in iter_executions(self._source.store):
            yield self._copying_log(job)
            if not self.stay:
                if job.source is not None and job.source.worktree and job.source.worktree not in trees:
                    trees.add(job.source.worktree)
                    yield self._copying_worktree(int(job.facts.project_id or 0), job.source.worktree)
                if artifacts is not None:
                    yield self._copying_artifacts(artifacts)
                if job.test_summary is not None:
                    yield self._copying_reports(job)
        if not self.stay:
            with self._source.store.read() as view:
                projects = [project.id for project in view.projects.iter_all()]
            yield from map(self._copying_icon, projects)

    def _copying_log(self, job: JobRecord) -> Work:
        return lambda: copy_log(self._source.logs, self._target.logs, job)

    def _copying_artifacts(self, record: ArtifactsRecord) -> Work:
        source, target = self._source.blobs, self._target.blobs
        return lambda: copy_folder(source, artifacts_of(source, record), target, artifacts_of(target, record))

    def _copying_reports(self, job: JobRecord) -> Work:
        source, target = self._source.blobs, self._target.blobs
        return lambda: copy_folder(source, reports_of(source, job), target, reports_of(target, job))

    def _copying_icon(self, project: int) -> Work:
        source, target = self._source.blobs, self._target.blobs
        return lambda: copy_blob(source, icon_of(source, project), target, icon_of(target, project))

    def _copying_worktree(self, project: int, run_id: str) -> Work:
        source, target = self._source.blobs, self._target.blobs
        return lambda: copy_blob(
            source, worktree_of(source, project, run_id), target, worktree_of(target, project, run_id)
        )
