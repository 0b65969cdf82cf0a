"""Running one job, from its lease to the acknowledged report of its end. Each stage has a module of its own."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cictl.base.clock import Clock
from cictl.redaction import Redactor, url_secrets
from cictl.wire.agents import StatusRequest
from cictl.wire.jobs import Cause, JobExecution, JobStatus
from cictl.wire.words import CHECKING_OUT, CONTROL, PREPARING, Feature
from cictl_agent.config import AgentConfig
from cictl_agent.job import requirements
from cictl_agent.job.caches import directories as caches
from cictl_agent.job.caches.saved import SavedCaches, saved_caches
from cictl_agent.job.checkout import Checkout, folder_of_source
from cictl_agent.job.containers.container import Container, ContainerHost, read_spec, running_container
from cictl_agent.job.containers.engine import is_helper
from cictl_agent.job.containers.services import running_services
from cictl_agent.job.dependencies import dependency_ids, restore_dependencies
from cictl_agent.job.environment import inherited_environment, job_environment
from cictl_agent.job.failures import JobFailed
from cictl_agent.job.results import Outcome, Results
from cictl_agent.job.steps.files import StepFiles
from cictl_agent.job.steps.outputs import collect_outputs
from cictl_agent.job.steps.shells import IN_CONTAINERS, ContainerShell, LocalShell, Shell
from cictl_agent.job.steps.steps import Steps, tells_commands
from cictl_agent.job.warnings import Warnings
from cictl_agent.job.workspace import prepare_workspace
from cictl_agent.log.reporter import NO_NEXT_LEASE, NextLease, Reporter
from cictl_agent.log.spool import JobLog
from cictl_agent.log.state_watch import Watch
from cictl_agent.system.household import Household
from cictl_agent.system.interruption import Interrupted, Interruption, StopReason
from cictl_agent.system.platforms import Platform
from cictl_agent.system.processes import JOB_VARIABLE, Processes
from cictl_agent.system.timers import Timers
from cictl_agent.system.trees import remove_tree
from cictl_client import Client

logger = logging.getLogger(__name__)

_MOST_NAMED = 10
"""How many of the processes that a job leaves behind its log names."""


@dataclass(kw_only=True)
class JobRun:
    """One attempt at a job.

    Attributes:
        lease_token: Goes with every report and upload.
        job_token: What the steps show to the server's API; masked like a secret.
        capabilities: What this agent offers, as last scanned.
        features: What the server can do beyond the contract.
        adopts_orphans, household: See `JobProcesses`.
        stop: Set when the agent must stop.
        container_host: Where a job that wants one gets its container.
        next_lease: How the report of the end asks for the next job.
        interruption: Stops the checkout and the steps.
        aftermath: Stops the uploads after them. It is given when the agent itself stops, and when the uploads take too
            long: a job that timed out still keeps its artifacts.
        workspace: The job's own directory, emptied by `run`.
        log: Open while `run` works, and so are `reporter` and `warnings`.
    """

    job: JobExecution
    lease_token: str = field(repr=False)
    job_token: str = field(repr=False)
    config: AgentConfig
    platform: Platform
    client: Client
    capabilities: Mapping[str, str]
    features: Collection[str]
    adopts_orphans: bool
    household: Household
    workspace: Path
    clock: Clock
    stop: threading.Event
    container_host: ContainerHost
    timers: Timers
    next_lease: NextLease = NO_NEXT_LEASE
    interruption: Interruption = field(default_factory=Interruption)
    aftermath: Interruption = field(default_factory=Interruption)
    processes: Processes = field(init=False)
    log: JobLog = field(init=False)
    reporter: Reporter = field(init=False)
    warnings: Warnings = field(init=False)
    _caches: list[caches.Cache] = field(default_factory=list)
    _runtime: dict[str, str] = field(default_factory=dict)
    _steps: Steps | None = None
    _files: StepFiles = field(init=False)
    _saved_caches: SavedCaches = field(init=False)
    _outputs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._files = StepFiles(directory=self._spooled(".files"))
        self.processes = self.platform.job_processes(
            self.job.id, adopts_orphans=self.adopts_orphans, household=self.household, directory=self.workspace
        )

    @property
    def directory(self) -> Path:
        """The directory that the steps run in."""
        return self.workspace / "src" if self.job.source else self.workspace

    def _spooled(self, suffix: str) -> Path:
        """Return the path of something of this job that is no part of its workspace."""
        return self.config.spool_dir / f"{self.platform.file_name(caches.cache_name(self.job.id))}{suffix}"

    def interrupt(self, reason: StopReason, detail: str = "") -> None:
        """Stop the job from another thread; its end is still reported."""
        self.interruption.give(reason, detail)
        if reason is StopReason.AGENT_STOPPED:
            self.aftermath.give(reason, detail)

    def run(self) -> None:
        """Run the job, and return when the server knows how it ended."""
        repo = self.job.source.repo if self.job.source else ""
        redactor = Redactor([*self.job.sensitive_values, self.job_token, *url_secrets(repo)])
        with JobLog(self._spooled(".log"), redactor) as log:
            self.log = log
            self.warnings = Warnings(log)
            self._saved_caches = saved_caches(
                self.job.facts,
                cache_dir=self.config.cache_dir,
                checkout=self.directory,
                platform=self.platform,
                log=log,
                warnings=self.warnings,
                clock=self.clock,
            )
            self.reporter = Reporter(
                client=self.client,
                job_id=self.job.id,
                agent_id=self.config.agent_id,
                lease_token=self.lease_token,
                log=log,
                interruption=self.interruption,
                appends=Feature.LOG_APPEND in self.features,
                clock=self.clock,
                next_lease=self.next_lease,
                timers=self.timers,
            )
            if not self.reporter.begin(PREPARING):
                return
            try:
                outcome = self._work()
                report = self._report(outcome)
            finally:
                caches.close_caches(self._caches)
                remove_tree(self._files.directory)
            self.reporter.finish(report, self.stop)
            logger.info("job ended job=%s error=%s", self.job.id, log.redact(outcome.error) or "none")

    def _work(self) -> Outcome:
        """Do everything between the first report and the last, and return how the job ended."""
        try:
            outcome = self._execute()
            # Before the artifacts are collected: a process left behind could still write to them, or to the log.
            self._end_processes()
            outcome = self._results.keep(outcome, self._steps)
            self.log.finish()
        except Exception as error:  # whatever breaks, the server must learn that the job is over
            logger.exception("job broke the agent job=%s", self.job.id)
            return Outcome(
                error=f"agent error: {type(error).__name__}: {error}", exit_code=None, cause=self._cause_of_agent
            )
        finally:
            self.processes.kill_all()
            self.processes.leftovers.close()
        return outcome

    @property
    def _results(self) -> Results:
        return Results(
            job=self.job,
            lease_token=self.lease_token,
            config=self.config,
            platform=self.platform,
            client=self.client,
            features=self.features,
            directory=self.directory,
            caches=self._saved_caches,
            log=self.log,
            warnings=self.warnings,
            interruption=self.aftermath,
            timers=self.timers,
        )

    def _end_processes(self) -> None:
        """End what the steps left running, and say what that was."""
        self.processes.kill_all()
        self.processes.leftovers.finish()
        # Of a container job only the engine's own helpers can be left here; its processes went with the container.
        named = {} if self.job.facts.container_image else self.processes.killed
        if killed := [f"{left.name} ({pid})" for pid, left in named.items() if not is_helper(*left)]:
            more = f" and {len(killed) - _MOST_NAMED} more" if len(killed) > _MOST_NAMED else ""
            self.log.line(f"[run] killed at the job's end: {', '.join(killed[:_MOST_NAMED])}{more}")

    def _execute(self) -> Outcome:
        try:
            self._prepare_workspace()
            with Watch(
                client=self.client,
                job_id=self.job.id,
                agent_id=self.config.agent_id,
                reporter=self.reporter,
                interruption=self.interruption,
                timeout_seconds=self.job.timeout_seconds,
                timers=self.timers,
            ):
                self._run_stages()
        except JobFailed as failure:
            return Outcome(error=failure.error, exit_code=failure.exit_code, cause=failure.cause)
        except Interrupted as interrupted:
            return self._interrupted(interrupted)
        except OSError as error:
            return Outcome(error=f"agent error: {error}", exit_code=None, cause=self._cause_of_agent)
        return Outcome()

    @property
    def _cause_of_agent(self) -> Cause | None:
        """What is told of a failure that is the agent's own."""
        return Cause.START_FAILED if self._steps is None else None

    def _prepare_workspace(self) -> None:
        self.log.line(f"[meta] job={self.job.id} agent={self.config.agent_id} workspace={self.workspace.name}")
        try:
            prepare_workspace(self.workspace)
            prepare_workspace(self._files.directory)
            self._files.directory.chmod(0o755)  # other users of containers are let in, whatever the agent's umask says
        except OSError as error:
            raise JobFailed(f"prepare workdir: {error}", cause=Cause.START_FAILED) from error

    def _run_stages(self) -> None:
        """Do stages 4 to 10 of the contract's sequence of a job: from the checkout to the last step."""
        job = self.job
        if job.source:
            self.reporter.note_step(CHECKING_OUT)
            Checkout(
                source=job.source,
                directory=folder_of_source(self.directory, job.source.path),
                fetch_worktree=partial(
                    self.client.fetch_worktree, job.id, progress=lambda _: self.interruption.check()
                ),
                environment={**inherited_environment(os.environ), JOB_VARIABLE: job.id},
                log=self.log,
                interruption=self.interruption,
                processes=self.processes,
                git_options=self.platform.git_options,
            ).run()
        self._saved_caches.restore(job.caches, self.interruption)
        restore_dependencies(
            dependency_ids(job.env),
            client=self.client,
            directory=self.directory,
            scratch_dir=self.config.spool_dir,
            warnings=self.warnings,
            interruption=self.interruption,
            listing=self.config.dependency_listing,
            platform=self.platform,
        )
        self._caches = caches.open_caches(
            job.caches,
            cache_dir=self.config.cache_dir,
            project=caches.project_folder(job.facts),
            execution_dir=self.directory,
            platform=self.platform,
        )
        for cache in self._caches:
            self.log.line(f"[cache] {cache.spec.id}: {cache.source} {cache.path}")
            if cache.error:
                self.warnings.add("cache", f"{cache.spec.id} is empty in this job, it can't be opened: {cache.error}")
        with running_container(
            read_spec(job.facts),
            host=self.container_host,
            job_id=job.id,
            workspace=self.workspace,
            directory=self.directory,
            mounted=[*(cache.path for cache in self._caches), self._files.directory],
            hosts=[service.name for service in job.services],
            platform=self.platform,
            log=self.log,
            interruption=self.interruption,
            processes=self.processes,
        ) as container:
            self._check_requirements(container)
            self.reporter.note_step(PREPARING, runtime_capabilities=self._runtime)
            with running_services(
                job.services,
                host=self.container_host,
                container=container,
                job_id=job.id,
                directory=self.workspace,
                scratch_dir=self.config.spool_dir,
                log=self.log,
                interruption=self.interruption,
                processes=self.processes,
            ) as services:
                self._run_steps(container, services)
        self._outputs = collect_outputs(job.declared_outputs, self._files.outputs, self.directory)

    def _run_steps(self, container: Container | None, services: Mapping[str, str]) -> None:
        self._steps = Steps(
            job=self.job,
            shell=self._shell(container, services),
            directory=self.directory,
            files=self._files,
            reporter=self.reporter,
            log=self.log,
            warnings=self.warnings,
            interruption=self.interruption,
        )
        self._steps.run()

    def _shell(self, container: Container | None, services: Mapping[str, str]) -> Shell:
        variables = {**caches.cache_environment(self._caches), **services}
        outside = {} if container else os.environ
        environment = job_environment(
            outside, self.job, self.config, variables, self.platform, job_token=self.job_token
        )
        traced = self.config.trace_shell and tells_commands(self.job)
        if container:
            return ContainerShell(
                container=container,
                environment=environment,
                name=requirements.choose_shell(self.job, IN_CONTAINERS),
                directory=self.workspace,
                scratch_dir=self.config.spool_dir,
                is_traced=traced,
                log=self.log,
                interruption=self.interruption,
                processes=self.processes,
            )
        return LocalShell(
            platform=self.platform,
            environment=environment,
            name=requirements.choose_shell(self.job, self.platform.interpreters),
            directory=self.directory,
            scratch_dir=self.config.spool_dir,
            is_traced=traced,
            log=self.log,
            interruption=self.interruption,
            processes=self.processes,
        )

    def _check_requirements(self, container: Container | None) -> None:
        """Check once more that what the job requires is there: the last scan may be old.

        Raises:
            JobFailed: Something is missing.
        """
        required = self.job.required_capabilities or {}
        self._runtime = requirements.runtime_capabilities(self.capabilities)
        requirements.choose_shell(self.job, IN_CONTAINERS if container else self.platform.interpreters)
        requirements.check_host(required, self.capabilities, self.platform, found=self._runtime)
        requirements.check_container(required, container, found=self._runtime)

    def _interrupted(self, interrupted: Interrupted) -> Outcome:
        match self.interruption.reason:
            case StopReason.TIMED_OUT:
                self.log.line(f"{CONTROL}job timed out")
                return Outcome(error="job timed out", exit_code=interrupted.exit_code, cause=Cause.TIMED_OUT)
            case StopReason.AGENT_STOPPED:
                self.log.line(f"{CONTROL}agent stopped")
                return Outcome(error="agent stopped", exit_code=interrupted.exit_code, cause=self._cause_of_agent)
            case _:
                self.log.line(f"{CONTROL}{self.interruption.detail}")
                return Outcome(error=self.interruption.detail, exit_code=interrupted.exit_code)

    def _known(self, cause: Cause | None) -> Cause | None:
        """Return *cause* if the server can read it."""
        return None if cause is Cause.START_FAILED and Feature.SERVER_RETRIES not in self.features else cause

    def _report(self, outcome: Outcome) -> StatusRequest:
        return StatusRequest(
            status=JobStatus.FAILED if outcome.error else JobStatus.SUCCEEDED,
            error=outcome.error,
            exit_code=outcome.exit_code,
            cause=self._known(outcome.cause),
            cache_stats=caches.measure_all([*self._caches, *self._saved_caches.restored]),
            runtime_capabilities=self._runtime,
            warnings=self.warnings.report(),
            failed_step=self._steps.failed_step if self._steps else 0,
            outputs={} if outcome.error else self._outputs,
        )
