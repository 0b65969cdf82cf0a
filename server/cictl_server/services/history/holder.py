"""Who holds an attempt at an execution, and so may report on it and send its files."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

from cictl_server.errors import Conflict
from cictl_server.store.records.jobs import JobRecord

UPLOADS_AFTER_END = timedelta(minutes=10)
"""How long after an end that the server made the agent may still send artifacts and reports.

Agents upload first and report the end last, so after a report of the end nothing may follow. But an agent whose job was
cancelled, timed out, or was taken from it learns of that while it works, and then keeps what there is."""


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a report or a file, as the request says.

    Attributes:
        token: The `lease_token` in its header; empty from an agent that sends none.
        job_token_hash: Digest of the job's own token, if one of its steps sends it. It stands for the lease's token.
    """

    agent_id: str
    token: str = ""
    job_token_hash: str = ""

    def has_lease(self, job: JobRecord) -> bool:
        """Tell whether the last lease of *job* was the sender's, as far as a token tells: some leases give none."""
        if self.job_token_hash:
            return job.status.is_active and hmac.compare_digest(job.job_token_hash, self.job_token_hash)
        return not job.lease_hash or hmac.compare_digest(job.lease_hash, token_hash(self.token))

    def holds(self, job: JobRecord) -> bool:
        """Tell whether the sender holds *job*, or held it to its end."""
        return job.agent_id == self.agent_id and self.has_lease(job)


def check_uploader(job: JobRecord, sender: Sender, *, now: datetime) -> None:
    """Return if *sender* may send files for *job* at the moment *now*.

    Raises:
        Conflict: The sender does not hold the execution, or it is over and nothing may be added.
    """
    if not job.agent_id:
        raise not_leased()
    if not sender.holds(job):
        raise held_by_another()
    if job.status.is_terminal and not _takes_late_files(job, now):
        raise Conflict(f"job is over: it {job.status}", hint="artifacts and reports come before the report of the end")


def held_by_another() -> Conflict:
    """Return the error for who reports on an execution that another agent, or another attempt, has."""
    return Conflict("job is leased by another agent")


def not_leased() -> Conflict:
    """Return the error for who reports on an execution that nobody has."""
    return Conflict("job is not leased", hint="lease it first")


def token_hash(token: str) -> str:
    """Return what is stored of a token: it is random, so a plain digest can't be turned back."""
    return hashlib.sha256(token.encode()).hexdigest()


def _takes_late_files(job: JobRecord, now: datetime) -> bool:
    return job.is_ended_by_server and job.finished is not None and now - job.finished < UPLOADS_AFTER_END
