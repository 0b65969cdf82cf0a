"""What a store holds, table by table: part of its contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

import msgspec

from cictl.wire.audit.records import AuditRecord
from cictl.wire.jobs import JobStatus
from cictl.wire.runs import RunStatus
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.notifications import NotificationRecord
from cictl_server.store.records.projects import ChainRecord, PipelineRecord
from cictl_server.store.records.runs import RunRecord
from cictl_server.store.records.settings import TokenRecord
from cictl_server.store.tried import TriedTest

R = TypeVar("R", bound=msgspec.Struct)

K = TypeVar("K", int, str)


class Table(ABC, Generic[K, R]):
    """The records of one kind. A record is a value: changing a returned one does not change the stored one."""

    @abstractmethod
    def find(self, key: K) -> R | None:
        """Return the record with *key*, or None."""

    @abstractmethod
    def iter_all(self) -> Iterator[R]:
        """Yield all records by ascending key; the caller must not change the table meanwhile."""

    @abstractmethod
    def count(self) -> int: ...

    @abstractmethod
    def put(self, record: R) -> None:
        """Insert the record, or replace the one with its key. Only inside `Store.write`."""

    @abstractmethod
    def delete(self, key: K) -> bool:
        """Remove the record and tell whether there was one. Only inside `Store.write`."""


class NumberedTable(Table[int, R]):
    """Records whose key is a number that the store hands out."""

    @abstractmethod
    def next_id(self) -> int:
        """Return a number that was never used as a key here, also not by a deleted record. Only inside `Store.write`.

        Numbers grow, and some may be left out.
        """

    @abstractmethod
    def last_id(self) -> int:
        """Return the highest number that was ever a key here or handed out; 0 for none."""

    @abstractmethod
    def use_ids(self, up_to: int) -> None:
        """Count each number as used, up to this one. Only inside `Store.write`."""


class Pipelines(NumberedTable[PipelineRecord]):
    @abstractmethod
    def of_project(self, project_id: int) -> list[PipelineRecord]:
        """Return the project's pipelines by ascending `pipeline_id` (byte order)."""

    @abstractmethod
    def required_tools(self) -> frozenset[str]:
        """Return the tools that jobs of all pipelines require of agents; the same object until that changes."""


class Chains(NumberedTable[ChainRecord]):
    @abstractmethod
    def of_project(self, project_id: int) -> list[ChainRecord]:
        """Return the project's chains by ascending `chain_id` (byte order)."""


class Artifacts(Table[int, ArtifactsRecord]):
    @abstractmethod
    def bytes_of_project(self, project: str) -> int:
        """Return the bytes of all artifacts of a project, at a price that does not depend on their number."""


class Kind(NamedTuple):
    """What decides whether an agent may have a waiting execution. Of each kind only the first one is looked at.

    Attributes:
        requirements: The entries of its `required_capabilities`, sorted.
        queue: Its `queue_scope`.
        locks: Its locks, sorted.
    """

    requirements: tuple[tuple[str, str], ...]
    queue: str
    locks: tuple[str, ...]

    @property
    def needs(self) -> dict[str, str]:
        """Its `required_capabilities`."""
        return dict(self.requirements)


class Jobs(Table[int, JobRecord]):
    """Job executions by number. The cost of a look-up depends on what it returns, never on how much is stored."""

    @abstractmethod
    def last_number(self) -> int:
        """Return the highest number ever stored, also if it was deleted; 0 for none. New numbers must exceed it."""

    @abstractmethod
    def use_numbers(self, up_to: int) -> None:
        """Count each number as stored once, up to this one. Only inside `Store.write`."""

    @abstractmethod
    def count_by_status(self) -> dict[JobStatus, int]:
        """Return how many executions have each status, all five keys present."""

    @abstractmethod
    def with_status(self, status: JobStatus) -> Iterator[JobRecord]:
        """Yield the executions with *status*, oldest first."""

    @abstractmethod
    def newest_first(
        self, *, before: int | None = None, statuses: frozenset[JobStatus] | None = None
    ) -> Iterator[JobRecord]:
        """Yield executions by descending number, those below *before*, only with one of *statuses*; lazily."""

    @abstractmethod
    def active_of_agent(self, agent_id: str) -> list[JobRecord]:
        """Return the leased and running executions that *agent_id* holds, oldest first."""

    @abstractmethod
    def with_job_token(self, digest: str) -> JobRecord | None:
        """Return the leased or running execution with this `job_token_hash`, or None; at the same cost however many there are."""

    @abstractmethod
    def of_agent(self, agent_id: str) -> list[JobRecord]:
        """Return every execution that *agent_id* holds or held, oldest first."""

    @abstractmethod
    def of_run(self, pipeline_run_id: str) -> list[JobRecord]:
        """Return the executions with this `pipeline_run_id` in their metadata, oldest first."""

    @abstractmethod
    def blocked_of_run(self, pipeline_run_id: str) -> list[JobRecord]:
        """Return the run's queued executions that are blocked, oldest first; cheap when there are none."""

    @abstractmethod
    def unfinished_of_run(self, pipeline_run_id: str) -> Iterator[JobRecord]:
        """Yield the run's executions that are not over, oldest first; lazily."""

    @abstractmethod
    def of_run_number(self, run_number: str) -> list[JobRecord]:
        """Return the executions with this `run_number` in their metadata, oldest first."""

    @abstractmethod
    def of_chain_run(self, chain_run_id: str) -> list[JobRecord]:
        """Return the executions with this `chain_run_id` in their metadata, oldest first."""

    @abstractmethod
    def blocked_of_chain_run(self, chain_run_id: str) -> Iterator[JobRecord]:
        """Yield the chain run's queued executions that are blocked, oldest first; lazily."""

    @abstractmethod
    def unfinished_of_chain_run(self, chain_run_id: str) -> Iterator[JobRecord]:
        """Yield the chain run's executions that are not over, oldest first; lazily."""

    @abstractmethod
    def of_pipeline(self, project_id: str, pipeline_id: str) -> Iterator[JobRecord]:
        """Yield the executions with this `project_id` and `pipeline_id` in their metadata, newest first; lazily."""

    @abstractmethod
    def claimable(self, accepts: Callable[[Kind], bool]) -> JobRecord | None:
        """Return the first queued, unblocked execution without `not_before` whose `Kind` *accepts*.

        The first is the one of the highest `priority`, and of these the one of the lowest `place_in_queue`. *accepts* is called
        at most once for each distinct kind among the waiting executions. So the cost depends on the number of
        kinds, not on the length of the queue. To claim the execution, put it back as
        leased in the same transaction.
        """

    def is_any_claimable(self, accepts: Callable[[Kind], bool]) -> bool:
        """Tell whether `claimable` would return one, at a lower price where records are far away."""
        return self.claimable(accepts) is not None

    @abstractmethod
    def count_claimable(self) -> int:
        """Return how many executions `claimable` chooses from, at the same cost."""

    @abstractmethod
    def count_active_by_queue(self) -> Mapping[str, int]:
        """Return how many executions of each `queue_scope` are leased or running, at a cost that depends on these alone."""

    @abstractmethod
    def with_locks(self, host: str) -> list[JobRecord]:
        """Return the leased and running executions whose `lock_host` this is, oldest first; at a cost that depends on these alone."""

    @abstractmethod
    def with_place(self, group: str) -> list[JobRecord]:
        """Return the executions that have a place in a concurrency group, oldest first; of each run in a `run_group` the oldest.

        These are the ones whose `held_groups` have the key. The cost depends on the group's places, never on its line.
        """

    @abstractmethod
    def in_line(self, group: str) -> Iterator[JobRecord]:
        """Yield the executions whose `awaited_group` is *group* by their `turn_in_line`; lazily."""

    @abstractmethod
    def count_unfinished(self, queue_scope: str, run_key: str) -> int:
        """Return how many executions of one run are not over; both arguments as records have them."""

    @abstractmethod
    def count_unfinished_runs(self, queue_scope: str) -> int:
        """Return how many runs of one queue have executions that are not over."""

    @abstractmethod
    def required_tools(self) -> frozenset[str]:
        """Return the tools that queued executions require of agents; the same object until that changes."""

    @abstractmethod
    def due(self, now: datetime) -> list[JobRecord]:
        """Return the queued, unblocked executions with a `not_before` up to *now*, the earliest first.

        An execution with a `not_before` is not claimable, whatever the time.
        """

    @abstractmethod
    def next_due(self) -> datetime | None:
        """Return the earliest `not_before` of all queued, unblocked executions; None when none has one."""

    @abstractmethod
    def unapproved(self, now: datetime) -> list[JobRecord]:
        """Return the queued executions with an `approval_due` up to *now*, the earliest first, at a cost that depends on these alone."""


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs are looked for; an empty field takes all.

    Attributes:
        project: Name of the project.
        pipeline: Id of a pipeline or a chain of *project*, without which it says nothing.
        branch: Name of the branch.
        statuses: The wanted ones.
    """

    project: str = ""
    pipeline: str = ""
    branch: str = ""
    statuses: frozenset[RunStatus] = frozenset()

    def __post_init__(self) -> None:
        assert self.project or not self.pipeline, "the id of a pipeline says nothing without its project"


class Runs(Table[int, RunRecord]):
    """Runs by their numbers, of which the greater ones are newer."""

    @abstractmethod
    def newest_first(self, where: RunFilter, *, before: int | None = None) -> Iterator[RunRecord]:
        """Yield the runs that *where* takes by descending number, those below *before*; lazily.

        The cost depends on what is taken from the iterator, whatever else is stored.
        """


class TestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tests are looked for; an empty field takes all. The id of a *pipeline* says nothing without its *project*."""

    __test__ = False

    project: str = ""
    pipeline: str = ""
    is_flaky: bool = False

    def __post_init__(self) -> None:
        assert self.project or not self.pipeline, "the id of a pipeline says nothing without its project"


class Tests(Table[str, TriedTest]):
    """Tests by their keys. The cost of a look-up depends on what is taken of it, never on how much is stored."""

    __test__ = False

    @abstractmethod
    def find_all(self, keys: Collection[str]) -> dict[str, TriedTest]:
        """Return those of *keys* that there are."""

    @abstractmethod
    def in_order(self, where: TestFilter, *, after: TriedTest | None = None) -> Iterator[TriedTest]:
        """Yield the tests that *where* takes by ascending `order` (byte order), those above that of *after*; lazily."""

    @abstractmethod
    def slowest_first(self, where: TestFilter) -> Iterator[TriedTest]:
        """Yield the tests that *where* takes by descending `slowness`, and then descending key; lazily.

        Flaky ones are found among the others, at the price of those.
        """

    @abstractmethod
    def named(self, name: str) -> list[TriedTest]:
        """Return the tests with this name, by ascending `order`."""


class Tokens(NumberedTable[TokenRecord]):
    @abstractmethod
    def with_digest(self, digest: str) -> TokenRecord | None:
        """Return the token whose secret has this digest, or None; at the same cost however many there are."""


class Audit(NumberedTable[AuditRecord]):
    """The audit. Its records are those of the wire: what is kept is what a reader can check, to the byte."""

    @abstractmethod
    def oldest_first(self, *, after: int = 0) -> Iterator[AuditRecord]:
        """Yield the records above number *after*, ascending; lazily."""

    @abstractmethod
    def newest_first(self, *, before: int | None = None) -> Iterator[AuditRecord]:
        """Yield the records below number *before*, descending; lazily."""


class Notifications(NumberedTable[NotificationRecord]):
    """Notifications by number. A look-up costs what it returns, whatever else is stored."""

    @abstractmethod
    def heads(self) -> list[NotificationRecord]:
        """Return the oldest one that waits of each `queue`, in no order."""

    @abstractmethod
    def waiting_in(self, queue: str) -> list[NotificationRecord]:
        """Return those of one `queue` that wait, oldest first."""

    @abstractmethod
    def count_waiting(self, queue: str) -> int:
        """Return how many of one `queue` wait."""

    @abstractmethod
    def newest_first(self, *, before: int | None = None) -> Iterator[NotificationRecord]:
        """Yield the notifications below number *before*, descending; lazily."""
