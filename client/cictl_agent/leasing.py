"""Asking the server for work."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from cictl.wire.agents import AGENT_DEACTIVATED, AgentProcess, LeaseRequest, LeaseResponse
from cictl.wire.jobs import JobExecution
from cictl.wire.words import Feature
from cictl_agent.log.reporter import NextLease
from cictl_agent.retries import backoff
from cictl_client import Client, ClientError, ForeignAnswer

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 20
_POLL_SECONDS = 3.0
_HELD_SECONDS = 0.1
_REAL_WAIT_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A job that the server has given to this agent.

    Attributes:
        token: Shows that it was given to this agent; empty from a server that gives no tokens.
        job_token: What the steps show to the server's API; empty from a server that wants no tokens.
    """

    job: JobExecution
    token: str = field(default="", repr=False)
    job_token: str = field(default="", repr=False)


class Asking:
    """Asks for leases, one at a time, until one brings a job.

    The slots take turns, so an idle agent has one request waiting at the server, however many slots it has.

    A server with the feature `lease-wait` holds the request until there is work, and is asked again at once. Any other
    server is asked every three seconds. After a failure, or an empty answer that was not held, the pause grows.

    A server with the feature `lease-with-report` is also asked by the report that ends a job (`with_report`). The job that
    it answers with is the slot's next one.
    """

    def __init__(
        self,
        *,
        client: Client,
        agent_id: str,
        process: AgentProcess,
        slots: int,
        capabilities: Callable[[], Mapping[str, str]],
        is_held: Callable[[], bool],
        stop: threading.Event,
    ) -> None:
        """Begin without asking.

        Args:
            slots: How many slots there are.
            is_held: Tells whether no job may be asked for now.
        """
        self._client = client
        self._agent_id = agent_id
        self._process = process
        self._slots = slots
        self._capabilities = capabilities
        self._is_held = is_held
        self._stop = stop
        self._turn = threading.Lock()
        self._features: frozenset[str] | None = None
        self._request_ids: dict[int, str] = {}
        """Of the requests of each slot that were not answered yet."""
        self._came_with_report: dict[int, Leased] = {}
        self._wait_seconds = _WAIT_SECONDS
        self._pauses = _pauses()
        self._is_troubled = False
        self._is_deactivated = False
        self._has_told_of_slots = False

    @property
    def features(self) -> frozenset[str]:
        """What the server can do beyond the contract, as it said last."""
        return self._features or frozenset()

    @contextmanager
    def next_job(self, slot: int) -> Iterator[Leased | None]:
        """Yield the next job for a slot, numbered from 1, which runs it in the context; None when the agent must stop.

        Where the server gives an agent one job at a time, it is still the slot's turn while the job runs.
        """
        if (leased := self._came_with_report.pop(slot, None)) is not None:
            yield None if self._is_too_late(leased) else leased
            return
        with self._turn:
            job = self._wait_for_job(slot)
            if self._is_alone():
                yield job
                return
        yield job

    def with_report(self, slot: int) -> NextLease:
        """Return how the report that ends a job of a slot asks for its next one."""
        return NextLease(request=lambda: self._wanted(slot), on_answer=lambda answer: self._take(slot, answer))

    def _wanted(self, slot: int) -> LeaseRequest | None:
        is_possible = Feature.LEASE_WITH_REPORT in self.features and not self._is_alone()
        if not is_possible or self._stop.is_set() or self._is_held():
            return None
        return self._request(slot, wait_seconds=0)

    def _take(self, slot: int, answer: LeaseResponse) -> None:
        self._request_ids.pop(slot, None)
        if leased := _leased(answer):
            self._came_with_report[slot] = leased

    def _is_too_late(self, leased: Leased) -> bool:
        """Tell whether the agent must stop before it has begun the job."""
        if self._stop.is_set():
            logger.warning("a job came too late, the server will offer it again job=%s", leased.job.id)
        return self._stop.is_set()

    def _is_alone(self) -> bool:
        """Tell whether the server gives this agent one job at a time."""
        return self._slots > 1 and Feature.SLOTS not in self.features

    def _wait_for_job(self, slot: int) -> Leased | None:
        while not self._stop.is_set():
            if self._is_held():
                self._stop.wait(_HELD_SECONDS)
                continue
            began = time.monotonic()
            answer = self._ask(slot)
            leased = _leased(answer)
            if leased is not None:
                self._pauses = _pauses()
                return None if self._is_too_late(leased) else leased
            if self._stop.is_set():
                return None
            self._pause(answer, waited=time.monotonic() - began)
        return None

    def _ask(self, slot: int) -> LeaseResponse | None:
        """Ask once; None when there was no answer, or when the agent must stop."""
        try:
            answer = self._until_stop(lambda: self._lease(slot))
        except ClientError as error:
            if isinstance(error, ForeignAnswer) and error.status == HTTPStatus.GATEWAY_TIMEOUT:
                self._wait_seconds //= 2  # a proxy gives up before the server answers
            if not self._is_troubled:
                logger.warning("no work can be had, trying again until it can: %s", error)
            self._is_troubled, self._features = True, None
            return None
        if answer is not None and self._is_troubled:
            self._is_troubled, self._pauses = False, _pauses()
            logger.info("the server answers again")
        return answer

    def _lease(self, slot: int) -> LeaseResponse:
        if self._features is None:
            self._features = self._ask_features()
        # After a failure the answer is wanted at once: it shows that the server is back.
        is_answered_at_once = self._is_troubled or Feature.LEASE_WAIT not in self._features
        answer = self._client.lease(self._request(slot, wait_seconds=0 if is_answered_at_once else self._wait_seconds))
        self._request_ids.pop(slot, None)
        return answer

    def _request(self, slot: int, *, wait_seconds: int) -> LeaseRequest:
        is_one_of_many = self._slots > 1 and not self._is_alone()
        return LeaseRequest(
            agent_id=self._agent_id,
            capabilities=dict(self._capabilities()),
            wait_seconds=wait_seconds,
            # The id is kept after a failure: the lost answer may have been a job, and the server gives that job again to a
            # request with the same id. With a new id it would stay leased, to an agent that does not know of it.
            request_id=self._request_ids.setdefault(slot, uuid.uuid4().hex),
            process=self._process,
            slot=slot if is_one_of_many else 0,
            slots=self._slots if is_one_of_many else 0,
            reads_ranges=True,
            sends_token=True,
        )

    def _ask_features(self) -> frozenset[str]:
        features = frozenset(self._client.server_info().features)
        if self._slots > 1 and Feature.SLOTS not in features and not self._has_told_of_slots:
            logger.warning("this server gives an agent one job at a time, so one of %d slots is used", self._slots)
        self._has_told_of_slots = Feature.SLOTS not in features
        return features

    def _until_stop(self, action: Callable[[], LeaseResponse]) -> LeaseResponse | None:
        """Run *action* in a thread, and abandon it when the agent must stop: a held request can't be cancelled."""
        results: list[LeaseResponse] = []
        errors: list[ClientError] = []
        done = threading.Event()

        def call() -> None:
            try:
                results.append(action())
            except ClientError as error:
                errors.append(error)
            finally:
                done.set()

        threading.Thread(target=call, name="lease", daemon=True).start()
        while not done.wait(0.1):
            if self._stop.is_set():
                return None
        if errors:
            raise errors[0]
        return results[0] if results else None

    def _pause(self, answer: LeaseResponse | None, *, waited: float) -> None:
        if answer is not None and answer.message == AGENT_DEACTIVATED:
            if not self._is_deactivated:
                logger.info("the agent is deactivated; no work until it is activated again")
            self._is_deactivated = True
            self._stop.wait(_POLL_SECONDS)
            return
        if answer is not None:
            if self._is_deactivated:
                logger.info("the agent is active again")
            self._is_deactivated = False
            if Feature.LEASE_WAIT not in self.features:
                self._stop.wait(_POLL_SECONDS)
                return
            if waited >= _REAL_WAIT_SECONDS:
                self._pauses = _pauses()
                return
        self._stop.wait(next(self._pauses))


def _leased(answer: LeaseResponse | None) -> Leased | None:
    if answer is None or not answer.assigned or answer.job_execution is None:
        return None
    return Leased(job=answer.job_execution, token=answer.lease_token, job_token=answer.job_token)


def _pauses() -> Iterator[float]:
    return backoff(0.5, 3)
