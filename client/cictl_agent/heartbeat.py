"""The heartbeat: sent every ten seconds, whatever the job does. It carries remarks, and its answer brings orders."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping

import msgspec

from cictl.base.clock import Clock
from cictl.wire.agents import AgentProcess, HeartbeatRequest, HeartbeatResponse
from cictl_agent.capabilities import architecture
from cictl_agent.retries import backoff
from cictl_client import AgentIdInUse, Client, ClientError

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0
_RETRY_SECONDS = 3.0
_LONGEST_REFUSAL_SECONDS = 30.0
_CLOSE_SECONDS = 5.0


class Heartbeat:
    """Sends heartbeats from a thread of its own.

    A remark is sent again until a heartbeat with it was answered. One heartbeat carries one remark and one update failure.
    """

    def __init__(
        self,
        *,
        client: Client,
        agent_id: str,
        os_name: str,
        version: str,
        greeting: str,
        capabilities: Callable[[], Mapping[str, str]],
        running_job_ids: Callable[[], list[str]],
        tools_looked_for: Callable[[], str] | None = None,
        on_answer: Callable[[HeartbeatResponse], None],
        clock: Clock,
        process: AgentProcess,
        slots: int,
        is_draining: Callable[[], bool],
        on_refusal: Callable[[], None],
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        """Prepare the first heartbeat.

        Args:
            greeting: The first remark; it tells the server that the agent has started anew.
            tools_looked_for: Returns the id of the last list of tools that were looked for; None for an agent that looks
                for none on demand.
            on_answer: Called in the heartbeat's thread with each answer; must not block.
            is_draining: Tells whether no job may begin until those that run are over.
            on_refusal: Called in the heartbeat's thread when another process has the agent's id; must not block.
        """
        self._client = client
        self._agent_id = agent_id
        self._os_name = os_name
        self._version = version
        self._capabilities = capabilities
        self._running_job_ids = running_job_ids
        self._tools_looked_for = tools_looked_for
        self._on_answer = on_answer
        self._clock = clock
        self._process = process
        self._slots = slots
        self._is_draining = is_draining
        self._on_refusal = on_refusal
        self._rival: AgentProcess | None = None
        self._refusals = backoff(_RETRY_SECONDS, _LONGEST_REFUSAL_SECONDS)
        self._retry_seconds = _RETRY_SECONDS
        self._interval_seconds = interval_seconds
        self._remarks = deque([greeting])
        self._update_failures: deque[str] = deque()
        self._wake = threading.Event()
        self._orders_received = ""
        self._is_closed = False
        self._says_farewell = False
        self._is_troubled = False
        self._is_refused = False
        self._is_settled = threading.Event()
        self._telling = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.is_known = threading.Event()
        """Set once the server has answered the greeting; no job may run before. Cleared when another process has the id."""

    def start(self) -> None:
        self._thread.start()

    def close(self, *, says_farewell: bool = False) -> None:
        """Stop beating; wait at most five seconds for a request that is under way.

        Args:
            says_farewell: Tell the server, if it was there just now, that another process may have the agent's id.
        """
        self._says_farewell = says_farewell
        self._is_closed = True
        self._wake.set()
        self._thread.join(timeout=_CLOSE_SECONDS)

    def beat_now(self) -> None:
        """Send the next heartbeat at once."""
        self._wake.set()

    def remark(self, text: str) -> None:
        """Tell the server *text*, which is about a restart, at once."""
        with self._telling:
            self._remarks.append(text)
            self._is_settled.clear()
        self.beat_now()

    def settle(self, seconds: float) -> bool:
        """Wait until the server has every remark, and tell whether it has. The heartbeat's own thread must not call this."""
        return self._is_settled.wait(seconds)

    def report_update_failure(self, text: str) -> None:
        """Tell the server at once why an update failed."""
        self._update_failures.append(text)
        self.beat_now()

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.clear()
            is_answered = self._beat()
            has_more = bool(self._remarks or self._update_failures)
            if not self._is_closed and not (is_answered and has_more):
                self._wake.wait(self._interval_seconds if is_answered else self._retry_seconds)
        if self._says_farewell and self.is_known.is_set() and not self._is_troubled:
            with contextlib.suppress(ClientError):
                self._client.heartbeat(msgspec.structs.replace(self._request("", ""), leaving=True))

    def _beat(self) -> bool:
        """Send one heartbeat, and tell whether it was answered."""
        remark = self._remarks[0] if self._remarks else ""
        failure = self._update_failures[0] if self._update_failures else ""
        try:
            answer = self._client.heartbeat(self._request(remark, failure))
        except AgentIdInUse as error:
            self._refuse(error)
            return False
        except ClientError as error:
            self._retry_seconds = _RETRY_SECONDS
            if not self._is_troubled:
                logger.warning("heartbeat failed, trying again until it is answered: %s", error)
            self._is_troubled = True
            return False
        if self._is_refused:
            logger.info("the id is free, this agent works from now on agent=%s", self._agent_id)
        elif self._is_troubled:
            logger.info("heartbeats are answered again")
        self._is_troubled = self._is_refused = False
        self._refusals = backoff(_RETRY_SECONDS, _LONGEST_REFUSAL_SECONDS)
        self._note_rival(answer.rival)
        with self._telling:
            if remark:
                self._remarks.popleft()
            if not self._remarks:
                self._is_settled.set()
        if failure:
            self._update_failures.popleft()
        logger.debug("heartbeat agent=%s", self._agent_id)
        self.is_known.set()
        self._on_answer(answer)
        # Acknowledged only now that they are noted: the server repeats orders until the next heartbeat names their id, so
        # orders in a lost answer come again.
        self._orders_received = answer.orders_id or self._orders_received
        return True

    def _refuse(self, error: AgentIdInUse) -> None:
        """Let no job run, and try again after pauses that grow: the other process may end."""
        if not self._is_refused:
            logger.error("no work for this agent: %s; %s; trying again until the id is free", error, error.hint)
        self._is_refused = True
        self._retry_seconds = next(self._refusals)
        self.is_known.clear()
        self._on_refusal()

    def _note_rival(self, rival: AgentProcess | None) -> None:
        if rival is not None and rival != self._rival:
            logger.warning(
                "a second process with the id of this agent is refused agent=%s: %s; start it with an --id of its own",
                self._agent_id,
                rival.told,
            )
        self._rival = rival or self._rival

    def _request(self, remark: str, failure: str) -> HeartbeatRequest:
        return HeartbeatRequest(
            agent_id=self._agent_id,
            hostname=socket.gethostname(),
            os=self._os_name,
            arch=architecture(),
            version=self._version,
            capabilities=dict(self._capabilities()),
            restart_status=remark,
            update_failure=failure,
            running_job_ids=self._running_job_ids(),
            orders_received=self._orders_received,
            tools_looked_for=self._tools_looked_for() if self._tools_looked_for else None,
            timestamp_utc=self._clock(),
            process=self._process,
            slots=self._slots if self._slots > 1 else 0,
            draining=self._is_draining(),
        )
