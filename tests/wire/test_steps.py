"""What a step is called."""

from __future__ import annotations

import pytest

from cictl.wire.jobs import SKIPPED_STEP, TEST_STEP, Step


@pytest.mark.parametrize(
    ("step", "title"),
    [
        pytest.param(Step(name="step 2", script="\n  make test \n  make it"), "make test", id="its-command"),
        pytest.param(Step(name="announce", script="./announce"), "announce", id="its-own-name"),
        pytest.param(Step(name="test unit", test_name="unit", kind=TEST_STEP, script="t"), "unit", id="its-test"),
        pytest.param(Step(name="check", kind=TEST_STEP, script="t"), "check", id="a-test-without-a-name"),
        pytest.param(Step(name="./push\n./tag", kind=SKIPPED_STEP), "./push", id="skipped"),
        pytest.param(Step(name="step 2"), "step 2", id="an-event-of-one"),
        pytest.param(Step(), "", id="nothing-known"),
    ],
)
def test_title(step: Step, title: str) -> None:
    assert step.title == title
