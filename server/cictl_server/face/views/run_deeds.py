"""What can be done with a run: cancelled, run again, approved, rejected, pinned."""

from __future__ import annotations

import shlex

import falcon

from cictl.wire.runs import ApprovalRequest, Run
from cictl_server.face.forms import read_form
from cictl_server.face.page import Pages, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services


class _RunDeed:
    """What the deeds of a run share."""

    def __init__(self, services: Services) -> None:
        self._runs = services.runs.runs
        self._changes = services.runs.changes
        self._pages = Pages(services)

    def _ask(self, req: falcon.Request, resp: falcon.Response, question: Question) -> None:
        ask(self._pages, req, resp, question, section="overview")


class CancelPage(_RunDeed):
    """`/runs/{run}/cancel`"""

    def on_get(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Ask whether all jobs of the run shall end."""
        found = self._runs.get_run(run)
        ends = [
            f"{count} {state}"
            for count, state in ((found.counts.running, "running"), (found.counts.queued, "waiting"))
            if count
        ]
        question = Question(
            title=f"Cancel run {found.number}?",
            text=[_target(found), f"Its jobs end: {', '.join(ends)}." if ends else "It is over already."],
            button=f"Cancel run {found.number}",
            back=f"runs/{found.number}",
            command=f"cictl runs cancel {found.number}",
        )
        self._ask(req, resp, question)

    def on_post(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Cancel the run."""
        found = self._changes.cancel(run)
        go_to(req, resp, f"runs/{found.number}")


class RerunPage(_RunDeed):
    """`/runs/{run}/rerun` and `…/rerun-failed`"""

    def on_get_failed(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Ask whether what did not succeed shall run again."""
        found = self._runs.get_run(run)
        failed = [job.name for job in found.jobs if job.status in ("failed", "cancelled") and not job.allow_failure]
        question = Question(
            title=f"Rerun what failed of run {found.number}?",
            text=[f"{counted(len(failed), 'job')}: {', '.join(failed[:20])}{' …' if len(failed) > 20 else ''}"],
            button="Rerun failed",
            back=f"runs/{found.number}",
            command=f"cictl runs rerun {found.number} --failed",
            is_harmful=False,
        )
        self._ask(req, resp, question)

    def on_post_failed(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Run again what did not succeed."""
        found = self._changes.rerun(run, only_failed=True)
        go_to(req, resp, f"runs/{found.number}")

    def on_post_all(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Run all jobs again."""
        found = self._changes.rerun(run, only_failed=False)
        go_to(req, resp, f"runs/{found.number}")


class _DecisionPage(_RunDeed):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._approvals = services.runs.approvals

    def _question(self, req: falcon.Request, run: str, *, verb: str, is_harmful: bool) -> Question:
        found = self._runs.get_run(run)
        job = req.get_param("job") or ""
        what = f"{job} of run {found.number}" if job else f"run {found.number}"
        named = f" {shlex.quote(job)}" if job else ""
        return Question(
            title=f"{verb} {what}?",
            text=[_target(found)],
            button=verb,
            back=f"runs/{found.number}",
            command=f"cictl runs {verb.lower()} {found.number}{named}" + (" --reason TEXT" if is_harmful else ""),
            hidden={"job": job} if job else {},
            asks=("reason", "Why" if is_harmful else "Why, if you like"),
            is_needed=is_harmful,
            is_harmful=is_harmful,
        )

    @staticmethod
    def _request(req: falcon.Request) -> ApprovalRequest:
        form = read_form(req)
        return ApprovalRequest(job=form.get("job", ""), reason=form.get("reason", ""))


class ApprovePage(_DecisionPage):
    """`/runs/{run}/approve`"""

    def on_get(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Ask whether what waits may begin."""
        self._ask(req, resp, self._question(req, run, verb="Approve", is_harmful=False))

    def on_post(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Let what waits begin."""
        found = self._approvals.approve(run, self._request(req), principal=principal_of(req))
        go_to(req, resp, f"runs/{found.number}")


class RejectPage(_DecisionPage):
    """`/runs/{run}/reject`"""

    def on_get(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Ask why what waits shall end."""
        self._ask(req, resp, self._question(req, run, verb="Reject", is_harmful=True))

    def on_post(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """End what waits."""
        found = self._approvals.reject(run, self._request(req), principal=principal_of(req))
        go_to(req, resp, f"runs/{found.number}")


class PinPage:
    """`/runs/{run}/pin` and `…/unpin`"""

    def __init__(self, services: Services) -> None:
        self._pins = services.retention.pins

    def on_post_pin(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Let retention leave the run alone."""
        self._set(req, resp, run, pinned=True)

    def on_post_unpin(self, req: falcon.Request, resp: falcon.Response, run: str) -> None:
        """Let retention treat the run as any other."""
        self._set(req, resp, run, pinned=False)

    def _set(self, req: falcon.Request, resp: falcon.Response, run: str, *, pinned: bool) -> None:
        self._pins.set(run, pinned=pinned)
        go_to(req, resp, f"runs/{run}")


def _target(run: Run) -> str:
    name = f"{run.project}/{run.pipeline}" if run.project else "A script"
    return name + (f" on {run.branch}" if run.branch else "")
