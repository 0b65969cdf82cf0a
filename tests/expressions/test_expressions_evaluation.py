"""What an expression means where its names have values."""

import pytest

from cictl.expressions import ExpressionError, Value, evaluate, parse

VALUES: dict[str, Value] = {
    "branch": "main",
    "tag": "",
    "input.count": 3,
    "input.dry": False,
    "env.COUNT": "3",
    "env.DEBUG": "false",
    "env.RATIO": "2.50",
    "needs.build.outputs.version": "1.10",
}


def holds(text: str, *, has_failed: bool = False) -> bool:
    """Evaluate *text* where the names are those of `VALUES`."""
    return evaluate(parse(text), VALUES.__getitem__, has_failed=has_failed)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("branch == 'main'", id="text"),
        pytest.param("branch != 'Main'", id="case-counts"),
        pytest.param("env.COUNT == 3 and 3 == env.COUNT", id="text-read-as-number"),
        pytest.param("env.RATIO == 2.5 and env.RATIO != '2.5'", id="texts-are-compared-as-texts"),
        pytest.param("branch != 3", id="text-that-is-no-number"),
        pytest.param("input.dry == 'false' and env.DEBUG == false", id="text-read-as-truth"),
        pytest.param("true != 1", id="truth-is-no-number"),
        pytest.param("input.count > 2 and input.count <= 3.0 and env.COUNT < 10", id="order"),
        pytest.param("needs.build.outputs.version >= 1.1", id="order-of-a-text"),
        pytest.param("branch in ['main', 'release'] and branch not in []", id="in-list"),
        pytest.param("input.count in ['3'] and env.COUNT in [1, 3]", id="in-list-compares-as-equals-does"),
        pytest.param("'ai' in branch and 'x' not in branch", id="in-text"),
        pytest.param("not tag and not '' and not 0 and not env.DEBUG", id="false-values"),
        pytest.param("branch and 1 and 'no' and -0.5", id="true-values"),
        pytest.param("tag or branch == 'main' and input.count == 3", id="and-before-or"),
        pytest.param("not tag == true", id="not-before-comparison"),
        pytest.param("branch == 'main' or unknown", id="or-stops-early"),
        pytest.param("not (tag and unknown)", id="and-stops-early"),
    ],
)
def test_expression_holds(text: str) -> None:
    assert holds(text) is True
    assert holds(f"not ({text})") is False


@pytest.mark.parametrize(
    ("function", "after_success", "after_failure"),
    [("success()", True, False), ("failure()", False, True), ("always()", True, True)],
)
def test_functions_tell_how_the_work_went(function: str, after_success: bool, after_failure: bool) -> None:
    assert (holds(function), holds(function, has_failed=True)) == (after_success, after_failure)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("tag or branch > 3", "column 8: > compares numbers; branch is 'main'", id="name"),
        pytest.param("3 <= 'x'", "column 6: <= compares numbers; 'x' is none", id="text"),
        pytest.param("input.dry < 1", "column 1: < compares numbers; input.dry is 'false'", id="truth"),
    ],
)
def test_order_of_no_number_is_an_error(text: str, error: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        holds(text)
    assert str(caught.value) == error
