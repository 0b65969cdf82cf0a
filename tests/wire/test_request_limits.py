"""Requests that anybody may send: what is long is read exactly, and costs little."""

from __future__ import annotations

import pytest

from cictl.wire.agents import LeaseRequest, StatusRequest
from cictl.wire.codec import LENIENT_BYTES, MOST_ENTRIES, MOST_ITEMS, DecodeError, decode, decode_request, encode
from cictl.wire.results.reports import TestCase, TestReport, TestReportUpload, TestSuite

LONG = b" " * LENIENT_BYTES


def report(cases: int) -> TestReportUpload:
    suite = TestSuite(cases=[TestCase(status="pass")] * cases)
    return TestReportUpload(agent_id="a", report=TestReport(suites=[suite]))


def test_a_long_request_is_read_as_it_was_written() -> None:
    upload = report(LENIENT_BYTES)
    assert decode_request(encode(upload), TestReportUpload) == upload


def test_a_short_request_is_read_leniently() -> None:
    assert decode_request(b'{"Agent_ID":"a","capabilities":null} x', LeaseRequest) == LeaseRequest(agent_id="a")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b'{"agent_id":null}', "Expected `str`, got `null`", id="null"),
        pytest.param(rb'{"agent_id":"\ud800"}', "Input data was truncated", id="half-a-character"),
        pytest.param(b'{"agent_id":"a"} x', "trailing characters", id="text-behind"),
        pytest.param(b"[" * 100_000, "Expected `object`, got `array`", id="deep"),
    ],
)
def test_a_long_request_is_read_strictly(body: bytes, error: str) -> None:
    with pytest.raises(DecodeError, match=error):
        decode_request(LONG + body, LeaseRequest)


def test_items_are_counted_together() -> None:
    body = encode(report(MOST_ITEMS - 1))
    assert len(decode_request(body, TestReportUpload).report.suites[0].cases) == MOST_ITEMS - 1
    with pytest.raises(DecodeError, match=f"more than {MOST_ITEMS} items"):
        decode_request(encode(report(MOST_ITEMS)), TestReportUpload)


def test_only_requests_have_a_limit_of_items() -> None:
    body = encode(report(MOST_ITEMS))
    with pytest.raises(DecodeError):
        decode_request(body, TestReportUpload)
    assert len(decode(body, TestReportUpload).report.suites[0].cases) == MOST_ITEMS


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        pytest.param(
            LeaseRequest(capabilities={f"key{n}": "v" for n in range(MOST_ENTRIES + 1)}), "capabilities", id="map"
        ),
        pytest.param(StatusRequest(warnings=["four"] * (MOST_ENTRIES + 1)), "warnings", id="list"),
    ],
)
def test_maps_and_lists_of_texts_are_bounded(request_: LeaseRequest | StatusRequest, name: str) -> None:
    with pytest.raises(DecodeError, match=f"{name} has more than {MOST_ENTRIES} entries"):
        decode_request(encode(request_), type(request_))
