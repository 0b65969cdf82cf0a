"""The tokens that a lease gives: the agent's proof that it holds the execution, and the one for the job's steps.

The record keeps the digests, the agent the tokens."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from cictl_server.services.history.holder import token_hash
from cictl_server.store.records.jobs import JobRecord

_MOST = 10_000
_BYTES = 32


class GivenTokens(NamedTuple):
    """The tokens of one lease. An empty one was not given.

    Attributes:
        lease: Shows with each report and upload that the agent holds the execution.
        job: What the steps show to read their run.
    """

    lease: str = ""
    job: str = ""


class LeaseTokens:
    """Makes tokens, and remembers the last ones, so that a lease whose answer was lost is given again with the same tokens.

    After a restart of the server such a lease gets new tokens. Running executions need none: their record has the digests.
    """

    def __init__(self, new_job_token: Callable[[], str]) -> None:
        """Remember nothing yet.

        Args:
            new_job_token: Makes a token for the steps of a job; an empty one where nobody is asked for a token.
        """
        self._new_job_token = new_job_token
        self._given: OrderedDict[str, GivenTokens] = OrderedDict()
        self._lock = threading.Lock()

    def renew(self, job: JobRecord) -> JobRecord:
        """Return *job* with the digests of new tokens.

        May be called in a transaction that is undone: tokens that no record has the digest of are found for nobody.
        """
        given = GivenTokens(lease=secrets.token_urlsafe(_BYTES), job=self._new_job_token())
        with self._lock:
            self._given[job.id] = given
            self._given.move_to_end(job.id)
            if len(self._given) > _MOST:
                self._given.popitem(last=False)
        return msgspec.structs.replace(
            job, lease_hash=token_hash(given.lease), job_token_hash=token_hash(given.job) if given.job else ""
        )

    def find(self, job: JobRecord) -> GivenTokens:
        """Return the tokens of the last lease of *job*; empty ones if they are not known here, or there are none."""
        with self._lock:
            given = self._given.get(job.id, _NONE)
        return given if job.lease_hash and token_hash(given.lease) == job.lease_hash else _NONE


_NONE = GivenTokens()
