"""Expressions of `if`: no text brings another error than the one it should, and a printed tree parses to itself."""

from __future__ import annotations

from contextlib import suppress

from cictl_testing.fuzz.budget import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from cictl.expressions import (
    ExpressionError,
    Node,
    Value,
    asks_for_status,
    decide,
    evaluate,
    holds,
    parse,
    print_expression,
)
from cictl.expressions.tree import And, Comparison, ListOf, Literal, Name, Not, Or, Status

WORDS = st.sampled_from(
    [
        "a",
        "input.x",
        "env.B-c",
        "'text'",
        '"it\'s"',
        "3",
        "-2.5",
        "0.00001",
        "true",
        "false",
        "and",
        "or",
        "not",
        "in",
        "==",
        "!=",
        "<",
        ">=",
        "(",
        ")",
        "[",
        "]",
        ",",
        "success()",
        "always(",
        "=",
        "&&",
        "{",
        "'",
        "é",
    ]
)
NUMBERS = st.one_of(st.integers(-999, 999), st.integers(-99999, 99999).map(lambda number: number / 10000))
TEXTS = st.text(max_size=8).filter(lambda text: not ("'" in text and '"' in text))
LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.one_of(NUMBERS, TEXTS, st.booleans()).map(lambda value: Literal(value=value)),
    st.sampled_from(["a", "input.x", "env.B-c", "needs.j.outputs.1"]).map(lambda name: Name(name=name)),
    st.sampled_from(["success", "failure", "always"]).map(lambda function: Status(function=function)),
)
VALUES = st.one_of(st.text(max_size=5), st.integers(), st.floats(allow_nan=False), st.booleans(), NUMBERS.map(str))


def operands_of(kind: type[And] | type[Or], inner: st.SearchStrategy[Node]) -> st.SearchStrategy[tuple[Node, ...]]:
    """Return at least two operands, none of which is of *kind* itself."""
    several = st.lists(inner.filter(lambda node: not isinstance(node, kind)), min_size=2, max_size=3)
    return several.map(tuple)


def compound(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Return nodes that have nodes of *inner* beneath them."""
    lists = st.lists(inner, max_size=3).map(lambda items: ListOf(items=tuple(items)))
    return st.one_of(
        inner.map(lambda operand: Not(operand=operand)),
        operands_of(And, inner).map(lambda operands: And(operands=operands)),
        operands_of(Or, inner).map(lambda operands: Or(operands=operands)),
        st.builds(Comparison, operator=st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), left=inner, right=inner),
        st.builds(Comparison, operator=st.sampled_from(["in", "not in"]), left=inner, right=st.one_of(inner, lists)),
    )


TREES = st.recursive(LEAVES, compound, max_leaves=12)
VALUES_OF_NAMES = {"yes": "x", "no": "", "later": "x", "never": ""}
CONDITIONS = st.recursive(
    st.one_of(
        st.sampled_from(["success", "failure", "always"]).map(lambda function: Status(function=function)),
        st.sampled_from(sorted(VALUES_OF_NAMES)).map(lambda name: Name(name=name)),
        st.sampled_from(sorted(VALUES_OF_NAMES)).map(
            lambda name: Comparison(operator="==", left=Name(name=name), right=Literal(value="x"))
        ),
    ),
    lambda inner: st.one_of(
        inner.map(lambda operand: Not(operand=operand)),
        operands_of(And, inner).map(lambda operands: And(operands=operands)),
        operands_of(Or, inner).map(lambda operands: Or(operands=operands)),
    ),
    max_leaves=12,
)
"""Conditions as files have them, whose names have the values above."""


@fuzzed(examples=300)
@given(text=st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=14).map(" ".join)), value=VALUES)
def test_only_its_own_error_comes_out(text: str, value: Value) -> None:
    with suppress(ExpressionError):
        evaluate(parse(text), lambda name: value)


@fuzzed(examples=300)
@given(text=st.lists(WORDS, max_size=14).map(" ".join))
def test_column_of_an_error_is_in_the_text(text: str) -> None:
    assert 1 <= _column_of_error(text) <= len(text) + 1


@fuzzed(examples=300)
@given(tree=TREES)
def test_printed_tree_parses_to_itself(tree: Node) -> None:
    printed = print_expression(tree)
    assert parse(printed) == tree
    assert print_expression(parse(printed)) == printed


@fuzzed(examples=300)
@given(tree=CONDITIONS, has_failed=st.booleans())
def test_a_condition_that_is_decided_in_two_steps_means_the_same(tree: Node, has_failed: bool) -> None:
    whole = evaluate(tree, VALUES_OF_NAMES.__getitem__, has_failed=has_failed)
    known = {name: value for name, value in VALUES_OF_NAMES.items() if name in ("yes", "no")}
    left = decide(print_expression(tree), known, is_open=lambda name: name not in known)
    left = decide(left, VALUES_OF_NAMES)
    assert holds(left, has_failed=has_failed) is (whole and (asks_for_status(tree) or not has_failed))


def _column_of_error(text: str) -> int:
    """Return the column of the error in *text*; 1 if it has none."""
    try:
        parse(text)
    except ExpressionError as error:
        return error.column
    return 1
