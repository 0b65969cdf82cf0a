"""Who may approve, and how that is told. What an approval does to an execution is in `history/approvals.py`."""

from __future__ import annotations

import shlex

from cictl.base.job_parts import ApprovalSpec
from cictl.wire.admin.access import Role
from cictl.wire.short_ids import name_in_run
from cictl.wire.waiting.explain import Fix, Reason
from cictl_server.services.policies.holds import Hold
from cictl_server.store.records.jobs import JobRecord

_PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)


def awaited_approval(job: JobRecord) -> Hold | None:
    """Return what *job* waits for if that is an approval."""
    approval = job.awaited_approval
    if approval is None:
        return None
    what = "its run needs an approval" if job.facts.run_approval_blocked else "it needs an approval"
    command = approve_command(job)
    return Hold(
        reason=Reason.APPROVAL,
        text=f"{what} by {who_may_approve(approval)}: {command}",
        fixes=(
            Fix(text="let it begin", command=command),
            Fix(text="or end it, saying why", command=approve_command(job, verb="reject")),
        ),
    )


def may_approve(role: Role, approval: ApprovalSpec) -> bool:
    """Tell whether *role* is one that *approval* names, or may do what such a one may."""
    return role is Role.ADMIN or any(role.includes(Role(named)) for named in approval.roles)


def who_may_approve(approval: ApprovalSpec) -> str:
    """Return the roles whose tokens may approve, as words: `an operator or an admin`."""
    *first, last = (f"{_article(role)} {role}" for role in _PEOPLE if may_approve(role, approval))
    return f"{', '.join(first)} or {last}" if first else last


def approve_command(job: JobRecord, *, verb: str = "approve") -> str:
    """Return the command that approves *job*, or the run that waits; with the *verb* `reject` the one that rejects it."""
    words = ["cictl", "runs", verb, _target(job)]
    return shlex.join([*words, "--reason", "WHY"] if verb == "reject" else words)


def _target(job: JobRecord) -> str:
    """Return what is to be approved so that *job* goes on: `41`, or a job of it such as `41/ship`."""
    run = job.facts.run_number or job.facts.pipeline_run_id
    return run if job.facts.run_approval_blocked else f"{run}/{name_in_run(job.facts)}"


def _article(role: Role) -> str:
    return "an" if role[0] in "aeiou" else "a"
