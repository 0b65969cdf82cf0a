"""Masking whole messages."""

from __future__ import annotations

from cictl.redaction import Redactor, masked_message
from cictl.wire.agents import StatusRequest
from cictl.wire.jobs import Cause, Step, StepEvent
from cictl.wire.results.reports import Coverage, CoverageFile, TestCase, TestReport, TestSuite


def test_texts_are_masked_at_any_depth_but_not_the_words_of_the_protocol() -> None:
    redact = Redactor(["hunter22", "fail"]).redact
    report = TestReport(
        total=1,
        suites=[TestSuite(name="x hunter22", cases=[TestCase(status="fail", name="fail", output="hunter22")])],
        coverage=Coverage(files=[CoverageFile(path="hunter22.py", percent=0.5)]),
    )
    assert masked_message(report, redact, keep=frozenset({"status"})) == TestReport(
        total=1,
        suites=[TestSuite(name="x ***", cases=[TestCase(status="fail", name="***", output="***")])],
        coverage=Coverage(files=[CoverageFile(path="***.py", percent=0.5)]),
    )


def test_mappings_and_enums() -> None:
    request = StatusRequest(
        cause=Cause.STEP_FAILED,
        runtime_capabilities={"plain": "2", "hunter22": "1 hunter22"},
        events=[StepEvent(type="step.started", step=Step(name="hunter22", index=3))],
    )
    masked = masked_message(request, Redactor(["hunter22", "step"]).redact, keep=frozenset({"type"}))
    assert masked.cause is Cause.STEP_FAILED
    assert masked.runtime_capabilities == {"plain": "2", "***": "1 ***"}
    assert masked.events == [StepEvent(type="step.started", step=Step(name="***", index=3))]
