"""Previews: what a run would do, and which agents could do it. Nothing is stored."""

from __future__ import annotations

import msgspec

from cictl.base.urls import without_login
from cictl.wire.jobs import JobSpec, Step
from cictl.wire.projects import (
    EligibleAgents,
    PendingJob,
    PreviewRequest,
    PreviewResponse,
    PreviewStep,
    RunRequest,
)
from cictl.wire.waiting.requirements import meets_all
from cictl_server.errors import InvalidRequest
from cictl_server.services.about.runtime import RuntimeService
from cictl_server.services.fleet.matching import Candidate, Matching, unmet_by_all
from cictl_server.services.pipelines.run_preparation import NO_MATCH, Mode, Prepared, Preparer, as_dry_run
from cictl_server.services.policies import Policies
from cictl_server.services.policies.planned_rules import PlannedRules
from cictl_server.store.contract import Store


class PreviewService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    preparer: Preparer
    matching: Matching
    runtime: RuntimeService
    policies: Policies

    def preview_pipeline(self, pipeline_db_id: int, request: PreviewRequest) -> PreviewResponse:
        """Return what a dry run of a pipeline would enqueue.

        Raises:
            NotFound, InvalidRequest, GitFailed: As `Preparer.pipeline`, but needs that are not selected are tolerated.
        """
        prepared = self.preparer.pipeline(pipeline_db_id, _as_run(request), _preview_mode(request))
        return self._preview(request, prepared)

    def preview_chain(self, chain_db_id: int, request: PreviewRequest) -> PreviewResponse:
        """Return what a dry run of a chain would enqueue.

        Raises:
            NotFound, InvalidRequest, GitFailed: As `Preparer.chain`.
        """
        prepared = self.preparer.chain(chain_db_id, _as_run(request), _preview_mode(request))
        if not prepared.planned and not request.offline_cached_only:
            raise InvalidRequest(NO_MATCH)
        return self._preview(request, prepared)

    def eligible_for_pipeline(self, pipeline_db_id: int, request: RunRequest) -> EligibleAgents:
        """Return the agents that could take every execution of a run. No remote is asked.

        Raises:
            NotFound, InvalidRequest: As `Preparer.pipeline`.
        """
        return self._eligible(self.preparer.pipeline(pipeline_db_id, request, Mode.ELIGIBLE))

    def eligible_for_chain(self, chain_db_id: int, request: RunRequest) -> EligibleAgents:
        """Return the agents that could take every execution of a chain run. No remote is asked.

        Raises:
            NotFound, InvalidRequest: As `Preparer.chain`. InvalidRequest also if nothing is selected.
        """
        prepared = self.preparer.chain(chain_db_id, request, Mode.ELIGIBLE)
        if not prepared.planned:
            raise InvalidRequest(NO_MATCH)
        return self._eligible(prepared)

    def _eligible(self, prepared: Prepared) -> EligibleAgents:
        return EligibleAgents(
            eligible_agent_ids=self._agents(prepared.planned),
            pending_jobs=sum(not job.skipped for job in prepared.planned),
        )

    def _agents(self, planned: list[JobSpec]) -> list[str] | None:
        """Return the agents, by id, that meet the requirements of all that would wait for one; None if nothing would."""
        wanted = [job for job in planned if not job.skipped]
        if not wanted:
            return None
        return sorted(
            agent.agent_id
            for agent in self.matching.candidates()
            if all(meets_all(job.required_capabilities, agent.capabilities) for job in wanted)
        )

    def _preview(self, request: PreviewRequest, prepared: Prepared) -> PreviewResponse:
        candidates = self.matching.candidates()
        with self.store.read() as view:
            rules = self.policies.of_planned(view)
            pending = [_pending(job, candidates, rules) for job in prepared.planned]
        return PreviewResponse(
            mode=self.runtime.state().mode,
            offline_cached_only=request.offline_cached_only,
            cache_used=bool(prepared.cache_source),
            cache_source=prepared.cache_source,
            pipeline_id=prepared.name,
            pending_jobs=pending,
            eligible_agent_ids=self._agents(prepared.planned),
            warnings=prepared.warnings,
            version=next((job.facts.pipeline_version for job in prepared.planned), ""),
        )


def _preview_mode(request: PreviewRequest) -> Mode:
    return Mode.PREVIEW_OFFLINE if request.offline_cached_only else Mode.PREVIEW


def _as_run(request: PreviewRequest) -> RunRequest:
    return as_dry_run(
        RunRequest(
            pipeline_job_id=request.pipeline_job_id,
            matrix_name=request.matrix_name,
            matrix_index=request.matrix_index,
            source_ref=request.source_ref,
            agent_id=request.agent_id,
            needs=request.needs,
            inputs=request.inputs,
        )
    )


def _pending(job: JobSpec, candidates: list[Candidate], rules: PlannedRules) -> PendingJob:
    facts, required = job.facts, job.required_capabilities
    return PendingJob(
        pipeline_job_id=facts.pipeline_job_id,
        pipeline_id=facts.pipeline_id,
        matrix_name=facts.matrix_name,
        required_capabilities=required,
        source_repo=without_login(job.source.repo) if job.source else "",
        source_ref=job.source.ref if job.source else "",
        step_count=len(job.step_plan),
        step_plan=[_step(step) for step in job.step_plan],
        artifact_globs=[*job.artifact_globs, *(pattern for kept in job.artifacts for pattern in kept.paths)],
        dependency_blocked=facts.needs_blocked or facts.chain_blocked or facts.row_blocked,
        missing_needs=facts.missing_needs_job_ids,
        eligible_agent_ids=[agent.agent_id for agent in candidates if meets_all(required, agent.capabilities)],
        unmet_requirements=[] if job.skipped else unmet_by_all(required, candidates),
        condition=job.condition,
        skipped=job.skipped,
        priority=job.priority,
        rules=[] if job.skipped else rules.of(job),
    )


def _step(step: Step) -> PreviewStep:
    fields = msgspec.structs.asdict(step)
    return PreviewStep(**{**fields, "kind": step.kind or "run"}, skip_dry_run=step.is_skipped)
