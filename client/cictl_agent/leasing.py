"""Asking the server for work."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from cictl.wire.agents import AGENT_DEACTIVATED
from cictl.wire.jobs import JobExecution, LeaseRequest, LeaseResponse
from cictl.wire.words import Feature
from cictl_agent.retries import backoff
from cictl_client import Client, ClientError, ForeignAnswer

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 20
_POLL_SECONDS = 3.0
_REAL_WAIT_SECONDS = 1.0


class Asking:
    """Asks for leases, one at a time, until one brings a job.

    A server with the feature `lease-wait` holds the request until there is work, and is asked again at once. Any other
    server is asked every three seconds. After a failure, or an empty answer that was not held, the pause grows.
    """

    def __init__(
        self, *, client: Client, agent_id: str, capabilities: Callable[[], Mapping[str, str]], stop: threading.Event
    ) -> None:
        self._client = client
        self._agent_id = agent_id
        self._capabilities = capabilities
        self._stop = stop
        self._features: frozenset[str] | None = None
        self._request_id = ""
        self._wait_seconds = _WAIT_SECONDS
        self._pauses = _pauses()
        self._is_troubled = False
        self._is_deactivated = False

    @property
    def features(self) -> frozenset[str]:
        """What the server can do beyond the contract, as it said last."""
        return self._features or frozenset()

    def next_job(self) -> JobExecution | None:
        """Return the next job to run; None when the agent must stop."""
        while not self._stop.is_set():
            began = time.monotonic()
            answer = self._ask()
            if self._stop.is_set():
                if answer is not None and answer.job_execution is not None:
                    logger.warning(
                        "a job came too late, the server will offer it again job=%s", answer.job_execution.id
                    )
                return None
            if answer is not None and answer.assigned and answer.job_execution is not None:
                self._pauses = _pauses()
                return answer.job_execution
            self._pause(answer, waited=time.monotonic() - began)
        return None

    def _ask(self) -> LeaseResponse | None:
        """Ask once; None when there was no answer, or when the agent must stop."""
        try:
            answer = self._until_stop(self._lease)
        except ClientError as error:
            if isinstance(error, ForeignAnswer) and error.status == HTTPStatus.GATEWAY_TIMEOUT:
                self._wait_seconds //= 2  # a proxy gives up before the server answers
            if not self._is_troubled:
                logger.warning("no work can be had, trying again until it can: %s", error)
            self._is_troubled, self._features = True, None
            return None
        if answer is not None and self._is_troubled:
            self._is_troubled = False
            logger.info("the server answers again")
        return answer

    def _lease(self) -> LeaseResponse:
        if self._features is None:
            self._features = frozenset(self._client.server_info().features)
        self._request_id = self._request_id or uuid.uuid4().hex
        request = LeaseRequest(
            agent_id=self._agent_id,
            capabilities=dict(self._capabilities()),
            wait_seconds=self._wait_seconds if Feature.LEASE_WAIT in self._features else 0,
            request_id=self._request_id,
        )
        answer = self._client.lease(request)
        # The id is kept after a failure: the lost answer may have been a job, and the server gives that job again to a
        # request with the same id. With a new id it would stay leased, to an agent that does not know of it.
        self._request_id = ""
        return answer

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


def _pauses() -> Iterator[float]:
    return backoff(0.5, 3)
