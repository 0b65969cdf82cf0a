"""Carry an update or a rollback of the server through to its end, over the restart in the middle."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from cictl.cli.app.confirmation import confirm
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.session import Session
from cictl.cli.output.outage import is_passing
from cictl.cli.output.table import Result
from cictl.wire.admin.updates import UPDATE_STILL_RUNNING, UpdateAnswer, UpdateKey
from cictl.wire.jobs import JobStatus
from cictl_client import Client, ClientError, Unreachable

_MAX_JOBS = 1000
_LOGS = "the server's log (`journalctl -u cictl -u cictl-updater`)"

_PHASES = {
    "download": "downloading the release",
    "build": "installing it beside the running version",
    "smoke": "trying it on a copy of the data",
    "staged": "staged; the updater takes over",
    "switch": "switching versions",
    "health": "waiting until the new version is healthy",
    "rollback": "the new version is not healthy; going back",
}


@dataclass(frozen=True, kw_only=True)
class UpdateOptions:
    """What the user asked for.

    Attributes:
        target: A tag; empty for the latest release, or for the version before this one.
        seconds: How long to follow.
    """

    target: str
    is_rollback: bool
    no_wait: bool
    seconds: float

    @property
    def words(self) -> str:
        return "roll the server back" if self.is_rollback else "update the server"


def carry_out(session: Session, wanted: UpdateOptions) -> None:
    """Ask, order, follow, and tell how it ended.

    Raises:
        Failure: It was refused, failed, or is not over in time.
    """
    session.refuse_if_readonly(wanted.words)
    status = session.client.get_update_status()
    if status.get(UpdateKey.SUPPORTED) == "0":
        reason = status.get(UpdateKey.UNSUPPORTED_REASON, "") or "this installation can't update itself"
        raise Failure(reason, exit_code=ExitCode.CONFLICT, code="update_unavailable", status=400)
    target = wanted.target or (_previous(status) if wanted.is_rollback else "")
    _ask(session, wanted, target, current=status.get(UpdateKey.CURRENT, ""))
    sent = _SentRequest(session.new_client(retries=0), target, is_rollback=wanted.is_rollback)
    follower = _Follower(session, time.monotonic() + wanted.seconds)
    try:
        answer = follower.wait_for_answer(sent, before=status.get(UpdateKey.APPLIED, ""))
        is_pending = answer.updated or answer.message == UPDATE_STILL_RUNNING
        if wanted.no_wait or not is_pending:
            _show(session, answer, answer.message)
            return
        message = follower.wait_for_end()
    except KeyboardInterrupt:
        session.note("\nthe update goes on; `cictl update status` tells how it stands")
        raise
    _show(session, answer, message)


def _ask(session: Session, wanted: UpdateOptions, target: str, *, current: str) -> None:
    """Say which version would replace which, and ask; a server that runs the target already needs no question."""
    if not target:
        found = session.client.check_for_update()
        if not found.latest_version:
            raise Failure(found.message, exit_code=ExitCode.ERROR, code="release_error")
        target = found.latest_version if found.update_available else ""
    if target not in ("", current):
        session.note(f"this replaces {current} with {target}; {restart_text(session.client)}")
        confirm(session, f"{wanted.words}?")


def restart_text(client: Client) -> str:
    """Say what a restart of the server means to the jobs that run now."""
    jobs = client.list_jobs(max_jobs=_MAX_JOBS, status=JobStatus.RUNNING).job_executions
    count = sum(job.status is JobStatus.RUNNING for job in jobs)
    running = f"{count} running job{'' if count == 1 else 's'} will go on" if count else "no job is running"
    return f"the server restarts, {running}"


def _previous(status: dict[str, str]) -> str:
    found = status.get(UpdateKey.PREVIOUS, "")
    if not found:
        raise usage("there is no version before this one", hint="name one: `cictl update tags` shows what there is")
    return found


def _show(session: Session, answer: UpdateAnswer, text: str) -> None:
    session.show_done(Result(message=answer, rows=[answer], columns=(), name=lambda a: a.target_version), text)


def outcome_of(status: dict[str, str]) -> str:
    """Return the message of the last update; a reference server keeps it only until its next message of any kind."""
    return status.get(UpdateKey.REASON, "") or status.get(UpdateKey.MESSAGE, "")


def next_step(status: dict[str, str]) -> str:
    """Return what to do about the last update; empty unless it failed on a server that can update itself."""
    if status.get(UpdateKey.STATUS) != "failed" or status.get(UpdateKey.SUPPORTED) == "0":
        return ""
    serving = status.get(UpdateKey.CURRENT, "")
    return f"{serving} serves; mend what the message and {_LOGS} tell, then `cictl update apply` again"


def _too_late(*, is_away: bool) -> Failure:
    return Failure(
        "the server does not answer; the update is not known to be over"
        if is_away
        else "the update is not over; it goes on",
        exit_code=ExitCode.TIMED_OUT,
        code="wait_timed_out",
        hint=f"look at {_LOGS} on its machine" if is_away else "`cictl update status` tells how it stands",
    )


@dataclass
class _SentRequest:
    """The request, on a thread of its own, since its answer may take half a minute."""

    client: Client
    target: str
    is_rollback: bool
    answer: UpdateAnswer | None = None
    error: Exception | None = None
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds for the answer, and tell whether it has come."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _send(self) -> None:
        try:
            send = self.client.rollback_update if self.is_rollback else self.client.apply_update
            self.answer = send(self.target)
        except ClientError as error:
            self.error = error


class _Follower:
    """Polls the status of an update; the server is away for a part of it."""

    def __init__(self, session: Session, deadline: float) -> None:
        self._session = session
        self._deadline = deadline
        self._client = session.new_client(retries=0, timeout=10.0)
        self._poll_seconds = session.patience.poll_seconds
        self._told = ""

    def wait_for_answer(self, sent: _SentRequest, *, before: str) -> UpdateAnswer:
        """Return the answer to *sent*, and tell each phase meanwhile.

        Args:
            before: The time of the update before this one, as the status told it.
        """
        while not sent.wait(self._poll_seconds):
            self._look()
        if isinstance(sent.error, Unreachable):
            # The connection broke: either the request never arrived, or the server took it and restarts already. While
            # the status still has the time of the update before, this one has not begun.
            status = self._look()
            if status is None or status.get(UpdateKey.APPLIED, "") == before:
                raise sent.error
            return UpdateAnswer(updated=False, message=UPDATE_STILL_RUNNING, target_version=sent.target)
        if sent.error is not None:
            raise sent.error
        assert sent.answer is not None
        return sent.answer

    def wait_for_end(self) -> str:
        """Return the server's words once the update worked out.

        Raises:
            Failure: It did not, or is not over in time.
        """
        while True:
            status = self._look()
            outcome = (status or {}).get(UpdateKey.STATUS, "")
            message = outcome_of(status or {})
            if outcome in ("success", "noop"):
                return message
            if outcome == "failed":
                raise Failure(message, exit_code=ExitCode.ERROR, code="update_failed", hint=next_step(status or {}))
            if time.monotonic() >= self._deadline:
                raise _too_late(is_away=status is None)
            time.sleep(self._poll_seconds)

    def _look(self) -> dict[str, str] | None:
        """Return the status and tell its phase; None while the server is away."""
        try:
            status = self._client.get_update_status()
        except ClientError as error:
            if not is_passing(error):
                raise
            if isinstance(error, Unreachable):
                self._tell("the server is restarting")
            return None
        self._tell(_PHASES.get(status.get(UpdateKey.PHASE, ""), ""))
        return status

    def _tell(self, text: str) -> None:
        if text and text != self._told:
            self._told = text
            self._session.note(text)
