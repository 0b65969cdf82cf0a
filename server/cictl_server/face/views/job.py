"""A job execution: where it stands and why, its steps, the end of its log, its tests, its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import falcon

from cictl.wire.jobs import JobExecution, JobStatus, is_cancellation
from cictl.wire.results.tests import TestStory
from cictl.wire.short_ids import job_name, name_in_run, short_id_of
from cictl_server.face.drawing.log_rows import log_rows
from cictl_server.face.drawing.tests import shown_tests
from cictl_server.face.drawing.tree import tree_of
from cictl_server.face.forms import given_of, read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.services import Services
from cictl_server.services.artifacts.stories import TestQuery
from cictl_server.services.jobs.log_lines import LinedStep
from cictl_server.store.records.jobs import JobRecord

_TAIL = 30
_ACTIVE = (JobStatus.QUEUED, JobStatus.LEASED, JobStatus.RUNNING)


class JobPage:
    """`/jobs/{job_id}`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs
        self._artifacts = services.artifacts
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Show all of a job execution."""
        self._pages.show_live(req, resp, lambda: self._view(job_id))

    def _view(self, job_id: str) -> View:
        job = self._jobs.jobs.get_job(job_id, reads_log=False)
        log = self._jobs.log_lines.open(job.id)
        name = name_of(job)
        attempts = self._jobs.attempts.list_attempts(job.id)
        return View(
            template="job.html",
            title=f"Job {name}",
            section="overview",
            command=f"cictl jobs show {name}",
            watches=(f"job:{job.id}", *((f"run:{job.facts.run_number}",) if job.status is JobStatus.QUEUED else ())),
            values={
                "job": job,
                "name": name,
                "name_in_run": name_in_run(job.facts),
                "facts": job.facts,
                "state": state_of(job),
                "is_active": job.status in _ACTIVE,
                "explanation": self._jobs.explain.explain(job.id),
                "plan": _plan(job, log.steps),
                "log": log_rows(log, first=None, count=_TAIL),
                "tests": shown_tests(self._artifacts.reports.get_report(job.id), self._story_of(job)),
                "files": tree_of(self._artifacts.artifacts.list_artifacts(job.id)),
                "attempts": attempts if len(attempts) > 1 else [],
                "state_of": state_of,
                "tail": _TAIL,
            },
        )

    def _story_of(self, job: JobExecution) -> Callable[[str], TestStory | None]:
        def find(test: str) -> TestStory | None:
            if not job.facts.project:
                return None
            query = TestQuery(
                project=job.facts.project_id or job.facts.project, pipeline=job.facts.pipeline_id, name=test
            )
            told = self._artifacts.stories.list_tests(query, limit=50).tests
            return next((story for story in told if story.job == job_name(job.facts)), None)

        return find


class JobDeed:
    """`/jobs/{job_id}/cancel` and `/jobs/{job_id}/rerun`"""

    def __init__(self, services: Services) -> None:
        self._jobs = services.jobs
        self._pages = Pages(services)

    def on_get_cancel(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Ask whether the job shall end."""
        job = self._jobs.jobs.get_job(job_id, reads_log=False)
        name = name_of(job)
        origin = given_of(req, _FROM)
        question = Question(
            title=f"Cancel {name}?",
            text=[_consequence(job)],
            button="Cancel the job",
            back=_way_back(origin, job.id),
            command=f"cictl jobs cancel {name}",
            hidden=origin,
        )
        ask(self._pages, req, resp, question, section="overview")

    def on_post_cancel(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Cancel the job."""
        origin = read_form(req)
        self._jobs.cancel.cancel(job_id)
        go_to(req, resp, _way_back(origin, job_id))

    def on_post_rerun(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Run the job again, and show the new execution."""
        made = self._jobs.rerun.rerun(job_id)
        go_to(req, resp, f"jobs/{made.job_execution.id}")


_FROM = "from"
"""The field that says where one came from: `queue`."""


def _way_back(origin: Mapping[str, str], job_id: str) -> str:
    """Return the page to which *origin*, fields of a form, leads back: the queue if one came from there, else that of the job."""
    return "queue" if origin.get(_FROM) == "queue" else f"jobs/{job_id}"


def name_of(job: JobExecution) -> str:
    """Return what people call the execution: `41/test`; its id where its run has no number."""
    return short_id_of(job.facts) or job.id


def state_of(job: JobExecution | JobRecord) -> str:
    """Return the word for how it stands: a status, or `skipped` or `cancelled`."""
    if job.skipped:
        return "skipped"
    return "cancelled" if job.status is JobStatus.FAILED and is_cancellation(job.cause, job.error) else job.status.value


def _plan(job: JobExecution, begun: Sequence[LinedStep]) -> list[tuple[int, str, LinedStep | None, str]]:
    """Return number, title, beginning and state of each step."""
    found = {step.index: step for step in begun}
    titles = {step.index: step.title for step in job.step_plan} | {step.index: step.title for step in begun}
    return [(index, titles[index], found.get(index), _step_state(job, found.get(index))) for index in sorted(titles)]


def _step_state(job: JobExecution, step: LinedStep | None) -> str:
    if step is None:
        return ""
    if step.finished is None:
        return "running"
    return state_of(job) if step.failed else "succeeded"


def _consequence(job: JobExecution) -> str:
    match job.status:
        case JobStatus.QUEUED:
            return "It waits, and never begins. Jobs that need it end too."
        case JobStatus.LEASED | JobStatus.RUNNING:
            return f"Its processes on {job.leased_by_agent_id} are ended. Jobs that need it end too."
        case _:
            return "It is over already."
