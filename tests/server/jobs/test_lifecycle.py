"""The life of a job execution: every pair of stored and reported status, terminal states, owners."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cictl.wire.jobs import Cause, JobStatus
from cictl_server.errors import Conflict
from cictl_server.services.history.lifecycle import TRANSITIONS, Ending, Event, advance
from cictl_server.store.records.jobs import JobRecord

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RECORD = JobRecord(number=1000, script="true", status=JobStatus.QUEUED, created=NOW)


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("event", Event)
def test_only_what_the_table_allows_happens(status: JobStatus, event: Event) -> None:
    import msgspec

    job = msgspec.structs.replace(RECORD, status=status)
    ending = Ending(log_size=0) if event in (Event.SUCCEED, Event.FAIL, Event.SKIP, Event.LEAVE_OUT) else None
    if (status, event) in TRANSITIONS:
        assert advance(job, event, now=NOW, agent_id="a", ending=ending).status is TRANSITIONS[status, event]
    else:
        with pytest.raises(Conflict):
            advance(job, event, now=NOW, agent_id="a", ending=ending)


def test_terminal_states_have_no_way_out() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0].is_terminal]


def test_a_skipped_execution_never_started() -> None:
    skipped = advance(RECORD, Event.SKIP, now=NOW, ending=Ending(log_size=0, error="e"))
    assert (skipped.started, skipped.finished) == (None, NOW)


@pytest.mark.weakness("A7.3c")
def test_a_cancelled_queued_execution_counts_as_started() -> None:
    """So that it can be run again; only dependency cancellations leave `started_utc` unset."""
    assert advance(RECORD, Event.FAIL, now=NOW, ending=Ending(log_size=0)).started == NOW


def test_a_requeued_execution_forgets_its_lease() -> None:
    leased = advance(RECORD, Event.LEASE, now=NOW, agent_id="a", lease_request_id="r")
    again = advance(leased, Event.REQUEUE, now=NOW + timedelta(seconds=45))
    assert (again.agent_id, again.leased, again.lease_request_id) == ("", None, "")
    assert again.created == RECORD.created


def test_the_first_start_counts() -> None:
    running = advance(RECORD, Event.RUN, now=NOW, agent_id="a")
    assert advance(running, Event.RUN, now=NOW + timedelta(seconds=9), agent_id="a").started == NOW


def test_an_ending_keeps_its_cause() -> None:
    ending = Ending(log_size=7, error="e", cause=Cause.TIMED_OUT, exit_code=3, closing_line="[control] e")
    ended = advance(RECORD, Event.FAIL, now=NOW, ending=ending)
    assert (ended.log_size, ended.error, ended.cause, ended.exit_code) == (7, "e", Cause.TIMED_OUT, 3)
