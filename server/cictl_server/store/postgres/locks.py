"""The advisory locks that keep changes from each other.

Whoever changes anything holds the lock of the schema: alone, if it may change everything, else together with others that tell their
reach. These hold further locks, which they take in this order:

1. of an agent. What an agent has changes only under it, so two leases of one agent, or a lease and a report, take turns.
2. of claims. Leases that take something follow each other, so they agree on which execution is the first, and on how many a project has.
3. of a run. Its executions and its record change only under it, so of two that end at once the second sees the first, and what waits
   for both is released.

Who is let into a concurrency group depends on several runs, so whoever looks at one is alone. Which locks of a host are free only claims change, and
reports of what nobody had leased, which are alone too.

Nobody who holds one waits for one of an earlier kind. A claim alone may take several of runs, one after the other, and there is only
one claim at a time. So no two transactions ever wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable

from cictl_server.store.contract import Reach
from cictl_server.store.postgres.keys import text_key
from cictl_server.store.records.jobs import JobRecord

_STORE = "store"
_CLAIMS = "store claims"


class BeyondReach(Exception):
    """A change turned out to change more than it told. It has to run alone."""


class Overtaken(Exception):
    """What a change looked up was changed before it had the lock of it. It has to run again."""


def run_of(job: JobRecord) -> str:
    """Return what all executions of one run share, also of one that an early version began, which has no number."""
    facts = job.facts
    return text_key(facts.run_number or facts.chain_run_id or facts.pipeline_run_id or job.id)


class Locks:
    """The locks of one transaction."""

    def __init__(self, number_of: Callable[[str], int], reach: Reach | None) -> None:
        """Hold what *reach* needs; without one everything. *number_of* returns the number of the lock with a name."""
        self._number_of = number_of
        self._runs = set[str]()
        self._reach = reach
        if reach is not None and reach.job is not None:
            self._runs.add(run_of(reach.job))

    @property
    def are_all(self) -> bool:
        """Whether nobody else changes anything meanwhile."""
        return self._reach is None

    @property
    def are_of_claim(self) -> bool:
        """Whether nobody else claims anything meanwhile."""
        return self._reach is not None and self._reach.is_claim

    @property
    def of_store(self) -> int:
        """The number of the lock of the schema."""
        return self._number_of(_STORE)

    @property
    def first(self) -> list[int]:
        """The numbers of the others that the transaction begins with, in their order."""
        if self._reach is None:
            return []
        claims = [_CLAIMS] if self._reach.is_claim else []
        return [*map(self._number_of, (f"store agent {self._reach.agent}", *claims)), *map(self._of_run, self._runs)]

    def cover(self, run: str) -> bool:
        """Tell whether *run* may be changed with what is held."""
        return self.are_all or run in self._runs

    def take(self, run: str) -> int:
        """Note that *run* is being locked, and return the number of its lock.

        Raises:
            BeyondReach: The transaction is no claim, or has to run alone.
        """
        if self._reach is None or not self._reach.is_claim:
            raise BeyondReach
        self._runs.add(run)
        return self._of_run(run)

    def _of_run(self, run: str) -> int:
        return self._number_of(f"store run {run}")
