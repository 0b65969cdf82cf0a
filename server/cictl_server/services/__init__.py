"""The rules of the server. A service method runs inside one store transaction and knows no HTTP.

Each folder is a room, and its `__init__` says what the room offers. An attribute is named after its file:
`services.jobs.leasing` is an object of the class in `jobs/leasing.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from cictl.base.clock import Clock, utc_now
from cictl_server.blobs.contract import Blobs
from cictl_server.blobs.directory import DirectoryBlobs
from cictl_server.log_writer.contract import LogWriter
from cictl_server.log_writer.files import FileLogs
from cictl_server.services.about import About
from cictl_server.services.access import Access
from cictl_server.services.access.authentication import Policy
from cictl_server.services.agents import Agents
from cictl_server.services.artifacts import Artifacts
from cictl_server.services.artifacts.limits import ArtifactLimits
from cictl_server.services.audit import DEFAULT_KEPT, Audit
from cictl_server.services.core import Core
from cictl_server.services.core.clock_watch import Steady
from cictl_server.services.fleet import Fleet
from cictl_server.services.fleet.limits import FleetLimits
from cictl_server.services.forges import Forges
from cictl_server.services.history import History
from cictl_server.services.history.run_limits import RunLimits
from cictl_server.services.jobs import Jobs
from cictl_server.services.logs import Logs
from cictl_server.services.logs.book import DEFAULT_LOG_LIMIT
from cictl_server.services.notifications import Notifications, NotificationSettings
from cictl_server.services.pipelines import Pipelines
from cictl_server.services.policies import Policies
from cictl_server.services.projects import Projects
from cictl_server.services.retention import Retention
from cictl_server.services.runs import Runs
from cictl_server.services.schedules import Schedules
from cictl_server.services.secrets import Secrets
from cictl_server.services.triggers import Triggers
from cictl_server.services.triggers.rounds import DEFAULT_POLL_SECONDS
from cictl_server.services.updates import Updates
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.tools import UpdateTools
from cictl_server.signals.contract import Signals
from cictl_server.signals.identity import Identity
from cictl_server.signals.memory import MemorySignals
from cictl_server.store.contract import Store

DEFAULT_WAITING_PLACES = 1_000
DEFAULT_LEASE_PLACES = 10_000
DEFAULT_DOWNLOAD_PLACES = 32
DEFAULT_AGENT_TIMEOUT = timedelta(seconds=60)
DEFAULT_JOB_SECONDS = 24 * 60 * 60


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """The services of one server, room by room."""

    core: Core
    access: Access
    audit: Audit
    history: History
    fleet: Fleet
    policies: Policies
    secrets: Secrets
    projects: Projects
    logs: Logs
    artifacts: Artifacts
    notifications: Notifications
    forges: Forges
    jobs: Jobs
    about: About
    pipelines: Pipelines
    triggers: Triggers
    updates: Updates
    agents: Agents
    retention: Retention
    runs: Runs
    schedules: Schedules

    @classmethod
    def build(
        cls,
        store: Store,
        directory: Path,
        *,
        version: str,
        blobs: Blobs | None = None,
        clock: Clock = utc_now,
        steady: Steady = time.monotonic,
        signals: Signals | None = None,
        waiting_places: int = DEFAULT_WAITING_PLACES,
        lease_places: int = DEFAULT_LEASE_PLACES,
        download_places: int = DEFAULT_DOWNLOAD_PLACES,
        agent_timeout: timedelta = DEFAULT_AGENT_TIMEOUT,
        default_timeout_seconds: int = DEFAULT_JOB_SECONDS,
        update_tools: UpdateTools | None = None,
        process: ServerProcess | None = None,
        vault_urls: Sequence[str] = (),
        has_vaults: bool = True,
        asks_approvals: bool = True,
        artifact_limits: ArtifactLimits | None = None,
        min_free: int | None = None,
        max_log_bytes: int = DEFAULT_LOG_LIMIT,
        log_writer: LogWriter | None = None,
        fleet_limits: FleetLimits | None = None,
        run_limits: RunLimits | None = None,
        policy: Policy = Policy.OPEN_AT_FIRST,
        public_read: bool = False,
        audit_kept: timedelta = DEFAULT_KEPT,
        poll_seconds: int = DEFAULT_POLL_SECONDS,
        public_url: str = "",
        shared_settings: Mapping[str, str] | None = None,
        notification_settings: NotificationSettings | None = None,
        base_url: str = "",
    ) -> Services:
        """Wire the services to *store*, to *blobs*, and to the files below *directory*: logs, and temporary ones.

        A room is built from rooms of the levels below its own. `lint-imports` holds the levels.

        Args:
            blobs: Where artifacts, reports and icons are; by default below *directory*.
            steady: Tells when *clock* is set.
            default_timeout_seconds: The limit of jobs that state none; 0 means none.
            max_log_bytes: How much is kept of the log of one execution; 0 for any size.
            log_writer: Keeps the logs; by default files below *directory*.
            update_tools: By default those of an empty environment: this installation can't update itself then.
            signals: How several servers on the same data tell each other what changed, with the clock of all of them; by
                default this server is alone.
            min_free: Bytes that must be free on the disk for new work; by default 1 GiB, or 5 % of a smaller disk.
            process: By default one that can be neither ended nor restarted.
            policy: When callers must have a token.
            public_read: Who has none may read what a viewer may.
            audit_kept: How long the records of the audit are kept; 0 for ever.
            poll_seconds: How often repositories are looked at for new commits; 0 for never.
            public_url: Where others reach the server, if that is not the address by which they ask.
            shared_settings: What all servers on the same data should have alike, by option.
            base_url: Where people find the server, without a slash at its end.
            notification_settings: Whom project files may want to be told; by default, who has TLS and is on another machine.
        """
        tools = update_tools or UpdateTools.from_environment({}, version=version, data_dir=directory)
        log_writer = log_writer or FileLogs(directory / "logs")
        # level 1
        core = Core.build(
            store,
            directory,
            blobs or DirectoryBlobs(directory),
            signals=signals or MemorySignals(clock, Identity(version=version)),
            steady=steady,
            version=version,
            waiting_places=waiting_places,
            lease_places=lease_places,
            download_places=download_places,
            min_free=min_free,
        )
        # level 2
        access = Access.build(core, policy=policy, has_guests=public_read)
        history = History.build(core, log_writer, limits=run_limits or RunLimits())
        fleet = Fleet.build(core, limits=fleet_limits or FleetLimits())
        policies = Policies.build(core, max_running=history.limits.running, asks_approvals=asks_approvals)
        audit = Audit.build(core, kept=audit_kept)
        secrets = Secrets.build(core, directory, vault_urls=vault_urls, has_vaults=has_vaults)
        projects = Projects.build(core)
        # level 3
        logs = Logs.build(core, secrets, log_writer, limit=max_log_bytes)
        file_limits = artifact_limits or ArtifactLimits()
        artifacts = Artifacts.build(core, fleet, secrets, directory, limits=file_limits)
        targets = notification_settings or NotificationSettings()
        notifications = Notifications.build(core, secrets, settings=targets, base_url=base_url)
        # level 4
        forges = Forges.build(core, secrets, allows_http=targets.allows_http, steady=steady, base_url=base_url)
        jobs = Jobs.build(
            core,
            access,
            history,
            fleet,
            policies,
            secrets,
            logs,
            artifacts,
            agent_timeout=agent_timeout,
            default_timeout_seconds=default_timeout_seconds,
        )
        process = process or ServerProcess()
        about = About.build(
            core,
            fleet,
            logs,
            secrets,
            shared_settings=shared_settings or {},
            base_url=base_url,
            served_by=process.served_by,
        )
        # level 5
        pipelines = Pipelines.build(
            core, history, fleet, policies, secrets, projects, about, artifact_limits=file_limits
        )
        updates = Updates.build(core, fleet, projects, jobs, directory, tools=tools, process=process)
        agents = Agents.build(core, history, fleet, jobs, releases=tools.releases)
        retention = Retention.build(core, audit, logs, artifacts, jobs)
        runs = Runs.build(core, history, policies, logs, artifacts, jobs, projects)
        # level 6
        schedules = Schedules.build(core, pipelines, steady=steady)
        triggers = Triggers.build(core, secrets, projects, pipelines, poll_seconds=poll_seconds, public_url=public_url)
        return cls(
            core=core,
            access=access,
            audit=audit,
            history=history,
            fleet=fleet,
            policies=policies,
            secrets=secrets,
            projects=projects,
            logs=logs,
            artifacts=artifacts,
            notifications=notifications,
            forges=forges,
            jobs=jobs,
            about=about,
            pipelines=pipelines,
            triggers=triggers,
            updates=updates,
            agents=agents,
            retention=retention,
            runs=runs,
            schedules=schedules,
        )
