"""The rules of the server. A service method runs inside one store transaction and knows no HTTP."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cictl.base.clock import Clock, utc_now
from cictl_server.services.about.readiness import ReadinessService
from cictl_server.services.about.runtime import RuntimeService
from cictl_server.services.about.scrape import MetricsService
from cictl_server.services.agents.actions import AgentActionService
from cictl_server.services.agents.heartbeat import AgentService
from cictl_server.services.agents.scripts import ScriptService
from cictl_server.services.artifacts.artifacts import ArtifactService
from cictl_server.services.artifacts.reports import ReportFiles, ReportService
from cictl_server.services.core.events import EventLog
from cictl_server.services.core.hub import Hub
from cictl_server.services.core.idempotency import IdempotencyService
from cictl_server.services.core.ids import NumberSource
from cictl_server.services.core.pulse import Pulse
from cictl_server.services.core.telemetry import Telemetry
from cictl_server.services.fleet.matching import Fleet
from cictl_server.services.fleet.orders import OrderBook
from cictl_server.services.fleet.presence import PresenceBook
from cictl_server.services.fleet.rollout import Rollout
from cictl_server.services.history.settling import Settler
from cictl_server.services.jobs.expiry import MaintenanceService
from cictl_server.services.jobs.explain import ExplainService
from cictl_server.services.jobs.handover import Handover
from cictl_server.services.jobs.jobs import JobService
from cictl_server.services.jobs.lease_pause import LeasePause
from cictl_server.services.jobs.leasing import LeasingService
from cictl_server.services.jobs.lists import JobListService
from cictl_server.services.jobs.losses import LostWork
from cictl_server.services.jobs.removal import RemovalService
from cictl_server.services.jobs.reporting import ReportingService
from cictl_server.services.logs.files import LogFiles
from cictl_server.services.pipelines.definition_views import InspectService
from cictl_server.services.pipelines.previews import PreviewService
from cictl_server.services.pipelines.run_preparation import Preparer
from cictl_server.services.pipelines.runs import RunService
from cictl_server.services.pipelines.source_refs import SourceRefService
from cictl_server.services.pipelines.version_steps import VersionService
from cictl_server.services.projects.icons import IconFiles
from cictl_server.services.projects.projects import ProjectService
from cictl_server.services.secrets.lease_secrets import SecretService
from cictl_server.services.secrets.masks import Masks
from cictl_server.services.secrets.sensitive import SensitiveValues
from cictl_server.services.secrets.vault.connections import VaultConnectionService
from cictl_server.services.secrets.vault.outages import Outages
from cictl_server.services.secrets.vault.reading import VaultAccess
from cictl_server.services.secrets.vault.testing import VaultTestService
from cictl_server.services.secrets.vault.tokens import TokenCache
from cictl_server.services.updates.book import UpdateBook
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.reload import ReloadService
from cictl_server.services.updates.restart import RestartService
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.services.updates.update import UpdateService
from cictl_server.store.contract import Store

DEFAULT_WAITING_PLACES = 64
DEFAULT_AGENT_TIMEOUT = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that a server is made of, built in one place."""

    store: Store
    hub: Hub
    actions: AgentActionService
    agents: AgentService
    artifacts: ArtifactService
    events: EventLog
    explain: ExplainService
    idempotency: IdempotencyService
    inspecting: InspectService
    job_lists: JobListService
    jobs: JobService
    leasing: LeasingService
    maintenance: MaintenanceService
    metrics: MetricsService
    previews: PreviewService
    projects: ProjectService
    reloading: ReloadService
    readiness: ReadinessService
    removal: RemovalService
    reporting: ReportingService
    reports: ReportService
    restarting: RestartService
    runs: RunService
    runtime: RuntimeService
    sensitive: SensitiveValues
    telemetry: Telemetry
    source_refs: SourceRefService
    updates: UpdateService
    vault_connections: VaultConnectionService
    vault_tests: VaultTestService
    versions: VersionService

    @classmethod
    def build(
        cls,
        store: Store,
        directory: Path,
        *,
        version: str,
        clock: Clock = utc_now,
        waiting_places: int = DEFAULT_WAITING_PLACES,
        agent_timeout: timedelta = DEFAULT_AGENT_TIMEOUT,
        update_tools: UpdateTools | None = None,
        process: ServerProcess | None = None,
        vault_urls: Sequence[str] = (),
    ) -> Services:
        """Wire the services to *store* and to the files below *directory* (logs, artifacts, reports, icons).

        Args:
            update_tools: By default those of the environment's absence: this installation can't update itself then.
            process: By default one that nobody can end or restart.
        """
        with store.read() as view:
            last = view.jobs.last_number()
            known = {agent.agent_id: agent.seen for agent in view.agents.iter_all()}
        hub = Hub(places=waiting_places)
        numbers = NumberSource(clock, last=last)
        events = EventLog(hub, first=numbers.next())
        telemetry, pulse = Telemetry(), Pulse(clock)
        settler = Settler(hub, events, telemetry)
        readiness = ReadinessService(store=store, pulse=pulse, hub=hub)
        sensitive = SensitiveValues()
        masks = Masks(sensitive)
        logs = LogFiles(directory / "logs", masks)
        presence = PresenceBook(clock, known)
        losses = LostWork(store=store, settler=settler, logs=logs, clock=clock)
        fleet = Fleet(store, presence)
        report_files = ReportFiles(directory / "reports")
        jobs = JobService(store=store, logs=logs, settler=settler, hub=hub, fleet=fleet, clock=clock, numbers=numbers)
        artifacts = ArtifactService(
            directory / "artifacts", store=store, reports=report_files, presence=presence, masks=masks
        )
        removal = RemovalService(
            store=store,
            settler=settler,
            hub=hub,
            logs=logs,
            artifacts=artifacts,
            reports=report_files,
            clock=clock,
            events=events,
        )
        tokens = TokenCache(clock)
        access = VaultAccess(environment=os.environ, allowed_urls=vault_urls)
        outages = Outages(clock)
        vault_connections = VaultConnectionService(
            store=store, tokens=tokens, outages=outages, allowed_urls=vault_urls, clock=clock
        )
        vault_tests = VaultTestService(store=store, connections=vault_connections, access=access, clock=clock)
        secrets = SecretService(store=store, access=access, tokens=tokens, outages=outages)
        orders, rollout = OrderBook(clock, numbers), Rollout(clock)
        preparer = Preparer(store=store, numbers=numbers)
        idempotency = IdempotencyService(store=store, clock=clock)
        runtime = RuntimeService(presence=presence, clock=clock, version=version, instance_id=uuid.uuid4().hex)
        projects = ProjectService(store=store, icons=IconFiles(directory / "icons"), clock=clock)
        tools = update_tools or UpdateTools.from_environment({}, version=version, data_dir=directory)
        book, pause, process = UpdateBook(store), LeasePause(hub, clock), process or ServerProcess()
        updates = UpdateService(
            store=store,
            book=book,
            tools=tools,
            pause=pause,
            process=process,
            rollout=rollout,
            clock=clock,
            version=version,
        )
        return cls(
            store=store,
            hub=hub,
            jobs=jobs,
            actions=AgentActionService(
                store=store,
                jobs=jobs,
                removal=removal,
                scripts=ScriptService(store=store, settler=settler, numbers=numbers, clock=clock),
                presence=presence,
                orders=orders,
                rollout=rollout,
                events=events,
                hub=hub,
                server_version=version,
                releases=tools.releases,
            ),
            agents=AgentService(
                store=store,
                losses=losses,
                presence=presence,
                orders=orders,
                rollout=rollout,
                events=events,
                clock=clock,
                server_version=version,
                releases=tools.releases,
            ),
            artifacts=artifacts,
            events=events,
            explain=ExplainService(store=store, jobs=jobs, presence=presence, pause=pause, clock=clock),
            idempotency=idempotency,
            inspecting=InspectService(store=store, preparer=preparer, vault_tests=vault_tests),
            job_lists=JobListService(store=store, fleet=fleet),
            leasing=LeasingService(
                store=store,
                settler=settler,
                losses=losses,
                presence=presence,
                handover=Handover(store=store, settler=settler, secrets=secrets, sensitive=sensitive, clock=clock),
                pause=pause,
                hub=hub,
                clock=clock,
            ),
            metrics=MetricsService(
                telemetry=telemetry,
                store=store,
                presence=presence,
                hub=hub,
                logs=logs,
                readiness=readiness,
                clock=clock,
                version=version,
            ),
            maintenance=MaintenanceService(
                store=store,
                settler=settler,
                logs=logs,
                presence=presence,
                clock=clock,
                pulse=pulse,
                telemetry=telemetry,
                idempotency=idempotency,
                sensitive=sensitive,
                agent_timeout=agent_timeout,
            ),
            projects=projects,
            reloading=ReloadService(store=store, projects=projects, book=book),
            restarting=RestartService(updates=updates, book=book, process=process),
            updates=updates,
            readiness=readiness,
            removal=removal,
            reporting=ReportingService(
                store=store, logs=logs, masks=masks, settler=settler, presence=presence, clock=clock
            ),
            reports=ReportService(report_files, store=store, presence=presence, masks=masks),
            runs=RunService(store=store, settler=settler, preparer=preparer, numbers=numbers, clock=clock),
            runtime=runtime,
            previews=PreviewService(preparer=preparer, fleet=fleet, runtime=runtime),
            sensitive=sensitive,
            telemetry=telemetry,
            source_refs=SourceRefService(store=store),
            vault_connections=vault_connections,
            vault_tests=vault_tests,
            versions=VersionService(store=store, hub=hub),
        )
