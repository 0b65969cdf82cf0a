"""Decoding is as lenient as the contract demands, and no more; encoding is exact."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cictl.wire.admin.server import NEVER, RuntimeState
from cictl.wire.agents import HeartbeatRequest, HeartbeatResponse, LeaseRequest, LeaseResponse, StatusRequest
from cictl.wire.codec import DecodeError, decode, encode
from cictl.wire.jobs import CacheStat, JobExecution, JobStatus, Source, StepEvent
from cictl.wire.projects import RunRequest
from cictl.wire.results.artifacts import ArtifactList
from cictl.wire.results.reports import TestReport, TestReportUpload


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"agent_id":"a"}', LeaseRequest(agent_id="a"), id="plain"),
        pytest.param(b'{"Agent_ID":"a"}', LeaseRequest(agent_id="a"), id="keys match whatever their case"),
        pytest.param(b'{"AGENT_ID":"x","agent_id":"a"}', LeaseRequest(agent_id="a"), id="an exact key wins"),
        pytest.param(b'{"agent_id":"a","x":1}', LeaseRequest(agent_id="a"), id="unknown keys are ignored"),
        pytest.param(b'{"agent_id":"a"} trailing', LeaseRequest(agent_id="a"), id="text behind the value is ignored"),
        pytest.param(b'  {"agent_id":"a"}\n{"agent_id":"b"}', LeaseRequest(agent_id="a"), id="the first value counts"),
        pytest.param(b'{"agent_id":"a","capabilities":null}', LeaseRequest(agent_id="a"), id="null means absent"),
        pytest.param(b"null", LeaseRequest(), id="a null body has no fields"),
        pytest.param(
            rb'{"agent_id":"a\ud800b\ud83d\ude00"}', LeaseRequest(agent_id="a\ufffdb\U0001f600"), id="half a character"
        ),
        pytest.param(
            b'{"capabilities":{"a":null}}', LeaseRequest(capabilities={"a": ""}), id="null in a map is the empty text"
        ),
    ],
)
def test_a_request_is_read_leniently(body: bytes, expected: LeaseRequest) -> None:
    assert decode(body, LeaseRequest) == expected


def test_a_null_in_a_list_is_an_object_without_fields() -> None:
    request = decode(b'{"agent_id":"a","cache_stats":[null,{"id":"x"}],"events":[null]}', StatusRequest)
    assert request.cache_stats == [CacheStat(), CacheStat(id="x")]
    assert request.events == [StepEvent()]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="broken"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"[]", id="another shape"),
        pytest.param(b'{"agent_id":1}', id="wrong type"),
        pytest.param(b'{"wait_seconds":1.5}', id="a fraction for an integer"),
        pytest.param(b'{"wait_seconds":NaN}', id="no JSON number"),
        pytest.param(b'{"wait_seconds":9223372036854775808}', id="beyond 64 bits"),
        pytest.param(b'{"wait_seconds":-1%s}' % (b"0" * 30), id="far below 64 bits"),
        pytest.param(b"[" * 100_000, id="too deep"),
    ],
)
def test_what_cannot_be_read_is_an_error(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(body, LeaseRequest)


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" + b"0" * 400 + b".0"])
def test_a_number_that_no_float_can_hold_is_an_error(number: bytes) -> None:
    with pytest.raises(DecodeError, match="out of range"):
        decode(b'{"report":{"suites":[{"cases":[{"duration_seconds":%s}]}]}}' % number, TestReportUpload)


def test_nested_objects_are_read_leniently_too() -> None:
    body = b'{"agent_id":"a","Report":{"Total":1,"suites":[{"NAME":"s","cases":null}],"coverage":null}}'
    report = decode(body, TestReportUpload).report
    assert (report.total, report.suites[0].name, report.coverage) == (1, "s", None)


def test_null_stays_where_it_means_something() -> None:
    assert decode(b'{"artifacts":null}', ArtifactList).artifacts is None
    assert decode(b'{"matrix_index":null}', RunRequest).matrix_index is None


@pytest.mark.parametrize("text", ["2026-11-23T07:04:10.98466405Z", "2026-11-23T08:04:10.98466405+01:00"])
def test_instants_take_any_fraction_and_offset(text: str) -> None:
    request = decode(b'{"timestamp_utc":"%s"}' % text.encode(), HeartbeatRequest)
    assert request.timestamp_utc == datetime(2026, 11, 23, 7, 4, 10, 984664, tzinfo=UTC)


def test_an_empty_instant_is_an_error() -> None:
    with pytest.raises(DecodeError):
        decode(b'{"timestamp_utc":""}', StatusRequest)


def test_fields_that_hold_their_default_are_omitted() -> None:
    assert encode(HeartbeatResponse(accepted=True)) == b'{"accepted":true}\n'
    assert encode(LeaseResponse(assigned=False, message="no")) == b'{"assigned":false,"message":"no"}\n'


def test_counts_of_a_report_are_always_sent_and_may_be_missing() -> None:
    assert encode(TestReport()) == b'{"total":0,"passed":0,"failed":0,"skipped":0}\n'
    assert decode(b"{}", TestReport) == TestReport()


def test_a_job_always_has_its_required_keys_and_sends_exit_code_zero() -> None:
    job = JobExecution(
        id="job-1",
        script="true",
        required_capabilities=None,
        timeout_seconds=0,
        status=JobStatus.SUCCEEDED,
        created_utc=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        exit_code=0,
        source=Source(repo="r"),
    )
    assert encode(job) == (
        b'{"id":"job-1","script":"true","required_capabilities":null,"timeout_seconds":0,"status":"succeeded",'
        b'"created_utc":"2026-01-02T03:04:05Z","source":{"repo":"r"},"exit_code":0}\n'
    )


def test_never_is_the_year_one() -> None:
    state = RuntimeState(
        mode="normal",
        online_agents=0,
        stale_agents=0,
        offline_agents=0,
        has_any_agents=False,
        last_agent_seen_utc=NEVER,
        git_available=True,
    )
    assert b'"last_agent_seen_utc":"0001-01-01T00:00:00Z"' in encode(state)
    assert decode(encode(state), RuntimeState) == state
