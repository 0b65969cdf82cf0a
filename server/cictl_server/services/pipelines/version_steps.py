"""Resolving the version of a pipeline step by step, for clients that watch."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Generator, Iterator

import msgspec

from cictl.base.system.children import Stop
from cictl.base.urls import without_user_info
from cictl.project_file import Pipeline
from cictl.wire.projects import VersionResolved, VersionStep
from cictl_server.errors import CictlError, GitFailed, InvalidRequest
from cictl_server.services.core.hub import Hub
from cictl_server.services.pipelines.dependencies import Inherited, inherit
from cictl_server.services.pipelines.sources import unfetched, version_in
from cictl_server.services.projects.git import check_ref, check_repository
from cictl_server.services.projects.lookup import get_pipeline
from cictl_server.services.projects.remotes import Remotes
from cictl_server.signals.waits import Awaited, Watch
from cictl_server.store.contract import Store
from cictl_server.store.records.projects import PipelineRecord

logger = logging.getLogger(__name__)

VersionEvent = VersionStep | VersionResolved

_SECONDS = 30.0
KEEPALIVE_SECONDS = 10.0


class VersionService(msgspec.Struct, frozen=True, kw_only=True):
    """Resolves on a thread for each watcher, so that the watcher gets keep-alives while git is silent."""

    store: Store
    hub: Hub
    remotes: Remotes
    keepalive_seconds: float = KEEPALIVE_SECONDS

    def find(self, pipeline_db_id: int) -> PipelineRecord:
        """Return the pipeline.

        Raises:
            NotFound: No such pipeline.
        """
        with self.store.read() as view:
            return get_pipeline(view, pipeline_db_id)

    def resolve(self, record: PipelineRecord) -> Generator[VersionEvent | Awaited | None, None, None]:
        """Yield each step, and last the result, exactly once; yield None after `keepalive_seconds` without a step.

        Between them comes what is awaited, see `signals.waits`.
        Closing the iterator ends git too. When the server stops, the iterator ends without a result.
        """
        stop, found = Stop(), deque[VersionEvent | None]()
        with self.hub.watch(f"versions:{id(stop)}") as wake:
            worker = threading.Thread(target=self._work, args=(record, stop, found, wake), name="version", daemon=True)
            worker.start()
            try:
                yield from self._told(found, wake)
            finally:
                stop.set()
                worker.join()

    def _told(self, found: deque[VersionEvent | None], wake: Watch) -> Iterator[VersionEvent | Awaited | None]:
        while not self.hub.is_closed:
            wake.clear()
            while found:
                event = found.popleft()
                if event is None:
                    return
                yield event
            yield Awaited(watch=wake, seconds=self.keepalive_seconds)
            if not wake.is_set():
                yield None

    def _work(
        self, record: PipelineRecord, stop: Stop, found: deque[VersionEvent | None], wake: threading.Event
    ) -> None:
        """Put each step, and a closing None, into *found*."""
        try:
            for event in self._steps(record, stop):
                found.append(event)
                wake.set()
        except Exception:  # the watcher must hear of it too
            logger.exception("version not resolved pipeline=%d", record.id)
            found.append(VersionStep(step="done", status="error", message="internal error"))
        found.append(None)
        wake.set()

    def _steps(self, record: PipelineRecord, stop: Stop) -> Iterator[VersionEvent]:
        pipeline = record.definition
        yield _running("start", f'resolving version for pipeline "{pipeline.id}"')
        try:
            inherited = yield from self._dependencies(record)
            yield from self._version(pipeline, inherited, stop)
        except CictlError as error:
            yield VersionStep(step="done", status="error", message=str(error))

    def _dependencies(self, record: PipelineRecord) -> Generator[VersionEvent, None, Inherited]:
        """Yield the steps that look at the dependencies, and return what they give."""
        pipeline = record.definition
        if not pipeline.depends_on:
            yield _ok("dependencies", "no dependencies declared")
            return Inherited()
        yield _running("dependencies", f"checking {len(pipeline.depends_on)} dependency pipeline(s)")
        for name in pipeline.depends_on:
            yield _running("dependencies", f'checking latest run for dependency "{name}"')
        try:
            with self.store.read() as view:
                inherited = inherit(view, record.project_id, pipeline, for_dry_run=False)
        except InvalidRequest as error:
            short = str(error).removeprefix(f'pipeline "{pipeline.id}" ')
            yield VersionStep(step="dependencies", status="error", message=short)
            raise
        version = f"; inherited version={inherited.version}" if inherited.version else ""
        yield _ok("dependencies", f"dependencies satisfied{version}")
        return inherited

    def _version(self, pipeline: Pipeline, inherited: Inherited, stop: Stop) -> Iterator[VersionEvent]:
        versioning = pipeline.versioning
        if inherited.version:
            yield _ok("version", f"using inherited dependency version {inherited.version}")
            is_same = pipeline.vcs_source is not None and pipeline.vcs_source.repo.strip() == inherited.repo
            commit = inherited.commit if is_same else ""
            yield _done(pipeline, version=inherited.version, raw=inherited.version_raw, commit=commit)
            return
        if versioning is None or pipeline.vcs_source is None:
            yield _ok("version", "pipeline versioning not configured")
            yield _done(pipeline)
            return
        repo = check_repository(pipeline.vcs_source.repo, field="vcs_source.repo")
        ref = check_ref(pipeline.vcs_source.ref, field="vcs_source.ref")
        yield _running("version", f"resolving from {without_user_info(repo)}" + (f" at ref {ref}" if ref else ""))
        commit = ""
        asked = "" if pipeline.vcs_source.follows_default else ref
        try:
            yield from _checkout(ref)
            with self.remotes.fetched(repo, asked, seconds=_SECONDS, stop=stop) as tree:
                commit = tree.commit
                yield _ok("checkout", f"resolved source commit {commit}")
                yield _running("version-file", f"reading {versioning.file}")
                raw = version_in(tree, versioning.file)
        except (GitFailed, InvalidRequest) as error:
            text = unfetched(ref, error) if isinstance(error, GitFailed) and not commit else str(error)
            yield from _unresolved(pipeline, text, is_needed=bool(versioning.auto_bump))
            return
        version = versioning.tag_prefix + raw
        yield _ok("version-file", f"validated {versioning.file} as {raw}")
        yield _ok("version", f"resolved version={version} (raw={raw})")
        yield _done(pipeline, version=version, raw=raw, commit=commit)


def _checkout(ref: str) -> Iterator[VersionEvent]:
    """Yield the steps of the contract that one fetch does at once."""
    yield _running("checkout", "cloning repository")
    if ref:
        yield _running("checkout", f'fetching source ref "{ref}"')
    yield _running("checkout", "resolving source commit")


def _unresolved(pipeline: Pipeline, text: str, *, is_needed: bool) -> Iterator[VersionEvent]:
    """Yield the steps for a pipeline whose version is not known.

    Raises:
        InvalidRequest: It is needed, so a run would be refused.
    """
    message = text if is_needed else f"version not resolved: {text}"
    yield VersionStep(step="version", status="error", message=message)
    if is_needed:
        raise InvalidRequest(text)
    yield _done(pipeline)


def _running(step: str, message: str) -> VersionStep:
    return VersionStep(step=step, status="running", message=message)


def _ok(step: str, message: str) -> VersionStep:
    return VersionStep(step=step, status="ok", message=message)


def _done(pipeline: Pipeline, *, version: str = "", raw: str = "", commit: str = "") -> VersionResolved:
    versioning = pipeline.versioning if version else None
    return VersionResolved(
        step="done",
        status="ok",
        message="version resolution completed",
        pipeline_version=version,
        pipeline_version_raw=raw,
        source_ref_resolved=commit,
        version_file=versioning.file if versioning else "",
        tag_prefix=versioning.tag_prefix if versioning else "",
        auto_bump=versioning.auto_bump if versioning else "",
    )
