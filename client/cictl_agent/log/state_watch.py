"""Looking for reasons to stop a running job: what the server says, and the job's time limit."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from cictl_agent.log.reporter import Reporter, over_text
from cictl_agent.system.interruption import Interruption, StopReason
from cictl_agent.system.timers import Timer, Timers
from cictl_client import Client, ClientError, NotFound

POLL_SECONDS = 0.5


class Watch:
    """Asks for one execution's state every half second, unless a report was just answered, and keeps its time limit."""

    def __init__(
        self,
        *,
        client: Client,
        job_id: str,
        agent_id: str,
        reporter: Reporter,
        interruption: Interruption,
        timeout_seconds: int,
        timers: Timers,
    ) -> None:
        """Prepare; the time limit runs from when the context is entered.

        Args:
            timeout_seconds: 0 means no limit.
        """
        self._client = client
        self._job_id = job_id
        self._agent_id = agent_id
        self._reporter = reporter
        self._interruption = interruption
        self._timeout_seconds = timeout_seconds
        self._timers = timers
        self._started: list[Timer] = []
        self._ended = threading.Event()

    def __enter__(self) -> Watch:
        # Most jobs of a busy agent are over before the first look, so the thread for it begins only then.
        polls = threading.Thread(target=self._poll, name=f"watch-{self._job_id}", daemon=True)
        self._started.append(self._timers.after(POLL_SECONDS, polls.start))
        if self._timeout_seconds > 0:
            self._started.append(self._timers.after(self._timeout_seconds, self._time_out))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for timer in self._started:
            self._timers.cancel(timer)

    def _time_out(self) -> None:
        if not self._ended.is_set():
            self._interruption.give(StopReason.TIMED_OUT, "job timed out")

    def _poll(self) -> None:
        while not self._ended.is_set() and not self._interruption.is_given:
            if time.monotonic() - self._reporter.heard_at >= POLL_SECONDS:
                self._look()
            self._ended.wait(POLL_SECONDS)

    def _look(self) -> None:
        try:
            state = self._client.get_job_state(self._job_id)
        except NotFound:
            self._interruption.give(StopReason.OVER, "job deleted on server")
        except ClientError:
            return  # the next look may succeed; outages are logged by the reporter
        else:
            if state.status.is_terminal:
                self._interruption.give(StopReason.OVER, over_text(state))
            elif state.leased_by_agent_id not in ("", self._agent_id):
                self._interruption.give(StopReason.OVER, f"job given to agent {state.leased_by_agent_id}")
