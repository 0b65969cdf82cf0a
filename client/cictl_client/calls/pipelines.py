"""Calls about pipelines and chains: running them, and previewing a run."""

from __future__ import annotations

from collections.abc import Iterator

from cictl.wire.codec import encode
from cictl.wire.projects import EligibleAgents, PreviewRequest, PreviewResponse, RunRequest, RunResponse, SourceRefs
from cictl_client.calls.calls import GIT_SECONDS, Calls
from cictl_client.calls.paths import chain_path, pipeline_path
from cictl_client.follow import versions
from cictl_client.follow.versions import VersionEvent


class PipelineCalls(Calls):
    """Pipelines, and chains of pipelines."""

    def run_pipeline(self, pipeline_db_id: int, request: RunRequest) -> RunResponse:
        """Enqueue a run of a pipeline, or of a part of it."""
        path = f"{pipeline_path(pipeline_db_id)}/run-selection"
        return self._mutations.post(RunResponse, path, encode(request), timeout=GIT_SECONDS)

    def run_chain(self, chain_db_id: int, request: RunRequest) -> RunResponse:
        """Enqueue a run of a pipeline chain."""
        path = f"{chain_path(chain_db_id)}/run"
        return self._mutations.post(RunResponse, path, encode(request), timeout=GIT_SECONDS)

    def preview_pipeline(self, pipeline_db_id: int, request: PreviewRequest) -> PreviewResponse:
        """Return what a dry run of a pipeline would enqueue, and which agents could take it; nothing is stored."""
        path = f"{pipeline_path(pipeline_db_id)}/dry-run-preview"
        return self._transport.post(PreviewResponse, path, encode(request), timeout=GIT_SECONDS)

    def preview_chain(self, chain_db_id: int, request: PreviewRequest) -> PreviewResponse:
        """Return what a dry run of a chain would enqueue, and which agents could take it; nothing is stored."""
        path = f"{chain_path(chain_db_id)}/dry-run-preview"
        return self._transport.post(PreviewResponse, path, encode(request), timeout=GIT_SECONDS)

    def eligible_agents_for_pipeline(self, pipeline_db_id: int, request: RunRequest) -> EligibleAgents:
        """Return which agents could take every execution of a run."""
        path = f"{pipeline_path(pipeline_db_id)}/eligible-agents"
        return self._transport.post(EligibleAgents, path, encode(request), timeout=GIT_SECONDS)

    def eligible_agents_for_chain(self, chain_db_id: int, request: RunRequest) -> EligibleAgents:
        """Return which agents could take every execution of a chain run."""
        path = f"{chain_path(chain_db_id)}/eligible-agents"
        return self._transport.post(EligibleAgents, path, encode(request), timeout=GIT_SECONDS)

    def source_refs_of_pipeline(self, pipeline_db_id: int) -> SourceRefs:
        """Return the branches that a pipeline could be run from; none for a pipeline without a repository."""
        return self._transport.get(SourceRefs, f"{pipeline_path(pipeline_db_id)}/source-refs")

    def source_refs_of_chain(self, chain_db_id: int) -> SourceRefs:
        """Return the branches that a chain could be run from: those of its first pipeline."""
        return self._transport.get(SourceRefs, f"{chain_path(chain_db_id)}/source-refs")

    def resolve_version(self, pipeline_db_id: int) -> Iterator[VersionEvent]:
        """Let the server resolve a pipeline's version, and yield each step as it happens.

        The last one has `step` done: a `VersionResolved`, or a `VersionStep` whose `status` is error.

        Raises:
            NotFound: There is no such pipeline.
            Unreachable: The connection broke before the last step.
        """
        return versions.resolve_version(self._transport, f"{pipeline_path(pipeline_db_id)}/version-resolve")
