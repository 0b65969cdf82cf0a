"""Job executions: leased to agents, reported on, listed, explained, cancelled, rerun, removed."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from cictl_server.services.access import Access
from cictl_server.services.artifacts import Artifacts
from cictl_server.services.core import Core
from cictl_server.services.fleet import Fleet
from cictl_server.services.fleet.clock_jumps import ClockJumps
from cictl_server.services.history import History
from cictl_server.services.history.lease_tokens import LeaseTokens
from cictl_server.services.jobs.attempts import AttemptService
from cictl_server.services.jobs.endings.cancel import CancelService
from cictl_server.services.jobs.endings.expiry import MaintenanceService
from cictl_server.services.jobs.endings.losses import LostWork
from cictl_server.services.jobs.endings.removal import RemovalService
from cictl_server.services.jobs.explain import ExplainService
from cictl_server.services.jobs.handover import Handover
from cictl_server.services.jobs.jobs import JobService
from cictl_server.services.jobs.lease_pause import LeasePause
from cictl_server.services.jobs.leasing import LeasingService
from cictl_server.services.jobs.lists import JobListService
from cictl_server.services.jobs.log_lines import LogLinesService
from cictl_server.services.jobs.priorities import PriorityService
from cictl_server.services.jobs.reporting import ReportingService
from cictl_server.services.jobs.rerun import RerunService
from cictl_server.services.jobs.succession import Succession
from cictl_server.services.jobs.waiting import WaitingService
from cictl_server.services.jobs.waiting_line.line import WaitingLeases
from cictl_server.services.logs import Logs
from cictl_server.services.policies import Policies
from cictl_server.services.secrets import Secrets


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    jobs: JobService
    log_lines: LogLinesService
    attempts: AttemptService
    cancel: CancelService
    rerun: RerunService
    priorities: PriorityService
    lists: JobListService
    explain: ExplainService
    waiting: WaitingService
    leasing: LeasingService
    line: WaitingLeases
    lease_pause: LeasePause
    reporting: ReportingService
    succession: Succession
    losses: LostWork
    removal: RemovalService
    expiry: MaintenanceService

    @classmethod
    def build(
        cls,
        core: Core,
        access: Access,
        history: History,
        fleet: Fleet,
        policies: Policies,
        secrets: Secrets,
        logs: Logs,
        artifacts: Artifacts,
        *,
        agent_timeout: timedelta,
        default_timeout_seconds: int,
    ) -> Jobs:
        store, clock, hub, settler, book = core.store, core.clock, core.hub, history.settling, logs.book
        presence, matching = fleet.presence, fleet.matching
        pause = LeasePause(hub, clock)
        tokens = LeaseTokens(access.authentication.new_job_token)
        line = WaitingLeases(
            store=store, hub=hub, places=core.waiting_leases, policies=policies, pause=pause, clock=clock
        )
        losses = LostWork(store=store, settler=settler, logs=book, clock=clock)
        explain = ExplainService(
            store=store,
            presence=presence,
            wanted_tools=fleet.wanted_tools,
            policies=policies,
            pause=pause,
            clock=clock,
        )
        jobs = JobService(store=store, logs=book, hub=hub, matching=matching, policies=policies)
        leasing = LeasingService(
            store=store,
            settler=settler,
            losses=losses,
            presence=presence,
            processes=fleet.processes,
            members=core.signals.members,
            policies=policies,
            handover=Handover(
                store=store,
                settler=settler,
                tokens=tokens,
                secrets=secrets.lease_secrets,
                sensitive=secrets.sensitive,
                clock=clock,
            ),
            tokens=tokens,
            pause=pause,
            hub=hub,
            line=line,
            clock=clock,
            default_timeout_seconds=default_timeout_seconds,
        )
        reporting = ReportingService(
            store=store, logs=book, masks=secrets.masks, settler=settler, presence=presence, clock=clock
        )
        return cls(
            jobs=jobs,
            attempts=AttemptService(store=store),
            log_lines=LogLinesService(store=store, logs=book, index=logs.lines),
            cancel=CancelService(store=store, settler=settler, logs=book, clock=clock),
            rerun=RerunService(
                store=store, settler=settler, numbers=core.ids, clock=clock, disk=core.disk, limits=history.limits
            ),
            priorities=PriorityService(store=store, settler=settler),
            lists=JobListService(store=store, matching=matching, policies=policies),
            explain=explain,
            waiting=WaitingService(store=store, explain=explain),
            leasing=leasing,
            line=line,
            lease_pause=pause,
            reporting=reporting,
            succession=Succession(store, reporting, leasing),
            losses=losses,
            removal=RemovalService(
                store=store,
                settler=settler,
                hub=hub,
                logs=book,
                files=artifacts.removal,
                clock=clock,
                events=core.events,
            ),
            expiry=MaintenanceService(
                store=store,
                settler=settler,
                logs=book,
                presence=presence,
                clock=clock,
                clock_jumps=ClockJumps(
                    store=store,
                    presence=presence,
                    leadership=core.signals.leadership,
                    watch=core.clock_watch,
                ),
                leadership=core.signals.leadership,
                pulse=core.pulse,
                metrics=core.metrics,
                idempotency=core.idempotency,
                sensitive=secrets.sensitive,
                key_holders=secrets.own.holders,
                agent_timeout=agent_timeout,
            ),
        )
