"""Runs: listed, shown, summarized, approved, cancelled, run again; and how pipelines stand by them."""

from __future__ import annotations

import msgspec

from cictl_server.services.artifacts import Artifacts
from cictl_server.services.core import Core
from cictl_server.services.history import History
from cictl_server.services.jobs import Jobs
from cictl_server.services.logs import Logs
from cictl_server.services.policies import Policies
from cictl_server.services.projects import Projects
from cictl_server.services.runs.approvals import ApprovalService
from cictl_server.services.runs.changes import RunChangeService
from cictl_server.services.runs.graph import RunGraphService
from cictl_server.services.runs.insight import InsightService
from cictl_server.services.runs.overview import OverviewService
from cictl_server.services.runs.runs import RunListService
from cictl_server.services.runs.standings import StandingService
from cictl_server.services.runs.summary import SummaryService


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    runs: RunListService
    changes: RunChangeService
    approvals: ApprovalService
    standings: StandingService
    summary: SummaryService
    overview: OverviewService
    graph: RunGraphService
    insight: InsightService

    @classmethod
    def build(
        cls,
        core: Core,
        history: History,
        policies: Policies,
        logs: Logs,
        artifacts: Artifacts,
        jobs: Jobs,
        projects: Projects,
    ) -> Runs:
        return cls(
            runs=RunListService(store=core.store, policies=policies),
            changes=RunChangeService(
                store=core.store,
                settler=history.settling,
                cancelling=jobs.cancel,
                reruns=jobs.rerun,
                policies=policies,
                clock=core.clock,
            ),
            approvals=ApprovalService(store=core.store, settler=history.settling, policies=policies, clock=core.clock),
            summary=SummaryService(
                store=core.store, logs=logs.book, reports=artifacts.reports.files, histories=projects.histories
            ),
            standings=StandingService(store=core.store),
            overview=OverviewService(store=core.store, policies=policies),
            graph=RunGraphService(store=core.store, policies=policies),
            insight=InsightService(store=core.store, clock=core.clock),
        )
