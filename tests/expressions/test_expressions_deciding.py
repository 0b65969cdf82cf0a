"""Deciding a condition in steps: first by what is known, later by the rest."""

import pytest

from cictl.expressions import ExpressionError, decide, holds

VALUES = {"branch": "main", "tag": ""}


def left_of(condition: str) -> str:
    return decide(condition, VALUES, is_open=lambda name: name.startswith("needs."))


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        pytest.param("", "", id="none"),
        pytest.param("branch == 'main'", "", id="true"),
        pytest.param("tag", "false", id="false"),
        pytest.param("unknown", "false", id="no-value"),
        pytest.param("always()", "always()", id="status"),
        pytest.param("branch and always()", "always()", id="true-and-status"),
        pytest.param("tag and always()", "false", id="false-and-status"),
        pytest.param("tag or failure()", "failure()", id="false-or-status"),
        pytest.param("branch or failure()", "always()", id="true-or-status-runs-after-a-failure-too"),
        pytest.param("not (branch or failure())", "false", id="not-around-what-is-decided"),
        pytest.param("(branch or failure()) and (success() or branch)", "always()", id="all-operands-decided"),
        pytest.param("branch and needs.a.outputs.b == '1'", "needs.a.outputs.b == '1'", id="open-name"),
        pytest.param("not (success() and branch)", "not success()", id="not-of-a-part"),
    ],
)
def test_what_is_known_is_decided(condition: str, left: str) -> None:
    assert left_of(condition) == left


@pytest.mark.parametrize(
    ("left", "after_success", "after_failure"),
    [
        pytest.param("", True, False, id="none"),
        pytest.param("false", False, False, id="never"),
        pytest.param("always()", True, True, id="always"),
        pytest.param("failure()", False, True, id="failure"),
        pytest.param("'x' == 'x'", True, False, id="without-status"),
        pytest.param("branch == 'main'", True, False, id="name"),
    ],
)
def test_what_is_left_holds_by_how_the_work_went(left: str, after_success: bool, after_failure: bool) -> None:
    assert holds(left, VALUES.__getitem__, has_failed=False) is after_success
    assert holds(left, VALUES.__getitem__, has_failed=True) is after_failure


def test_an_order_of_what_is_no_number_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="compares numbers"):
        left_of("branch < 3 or always()")
