"""The language of `if`: what is an expression, what binds how, and where an error is."""

import pytest

from cictl.expressions import ExpressionError, asks_for_status, names, parse, print_expression


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        pytest.param("a or b and c", "a or b and c", id="and-before-or"),
        pytest.param("(a or b) and c", "(a or b) and c", id="parentheses"),
        pytest.param("((a) and (b and c))", "a and b and c", id="needless-parentheses"),
        pytest.param("not a == b", "not a == b", id="not-before-comparison"),
        pytest.param("not (a == b)", "not (a == b)", id="not-around-comparison"),
        pytest.param("(not a) == b", "not a == b", id="not-before-comparison-in-parentheses"),
        pytest.param("not not a and b", "not not a and b", id="not-before-and"),
        pytest.param("a in [b, 'c',1,true]", "a in [b, 'c', 1, true]", id="in-list"),
        pytest.param("a not in 'abc'", "a not in 'abc'", id="not-in-text"),
        pytest.param("a in []", "a in []", id="empty-list"),
        pytest.param("success( )and tag", "success() and tag", id="function"),
        pytest.param("""x == "it's" """, """x == "it's\"""", id="quotes"),
        pytest.param("x == 'a\\b'", "x == 'a\\b'", id="no-escapes"),
        pytest.param("n >= -2.50", "n >= -2.5", id="number"),
        pytest.param("n > 0.00001", "n > 0.00001", id="small-number"),
        pytest.param("needs.build-it.outputs.1st != ''", "needs.build-it.outputs.1st != ''", id="dotted-name"),
        pytest.param("a\n  and\tb", "a and b", id="blanks"),
        pytest.param("android", "android", id="name-begins-as-keyword"),
    ],
)
def test_expressions_parse(text: str, printed: str) -> None:
    assert print_expression(parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(
            "", "column 1: expected a value; write a name, a text in quotes, a number, true or false", id="empty"
        ),
        pytest.param(
            "branch ==",
            "column 10: expected a value after ==; write a name, a text in quotes, a number, true or false",
            id="no-value",
        ),
        pytest.param(
            "a and or b",
            "column 7: expected a value after and, not or; write a name, a text in quotes, a number, true or false",
            id="keyword-for-value",
        ),
        pytest.param("a = 1", "column 3: unexpected '='; write ==", id="one-equals-sign"),
        pytest.param("a && b", "column 3: unexpected '&'; write and", id="ampersands"),
        pytest.param("a || b", "column 3: unexpected '|'; write or", id="bars"),
        pytest.param("!a", "column 1: unexpected '!'; write not", id="exclamation-mark"),
        pytest.param("a; b", "column 2: unexpected ';'", id="semicolon"),
        pytest.param("{{branch}} == 'x'", "column 1: names stand without {{ }} here", id="braces"),
        pytest.param("a == 'x", "column 6: the text has no closing '", id="open-text"),
        pytest.param("(a or b", "column 8: expected ) for the ( in column 1", id="open-parenthesis"),
        pytest.param("a)", "column 2: this ) has no (", id="closed-too-often"),
        pytest.param("a b", "column 3: expected and, or, a comparison or the end, not b", id="two-names"),
        pytest.param("a not b", "column 3: expected and, or or a comparison before not", id="not-between"),
        pytest.param("1 < n < 3", "column 7: one comparison can't follow another; join them with and", id="chained"),
        pytest.param("[a] == b", "column 1: a list stands only after in", id="list-left"),
        pytest.param("a == [b]", "column 6: a list stands only after in", id="list-after-equals"),
        pytest.param("a in [b c]", "column 9: expected , or ] in the list", id="list-without-comma"),
        pytest.param("a in [b", "column 8: expected , or ] in the list", id="open-list"),
        pytest.param(
            "run('ls')", "column 1: there is no function run; there are success(), failure(), always()", id="function"
        ),
        pytest.param("always(1)", "column 8: expected ) after always(; it takes nothing", id="argument"),
        pytest.param("n == 1.2.3", "column 6: a number is written as 3 or 2.5; write a text in quotes", id="version"),
        pytest.param(
            "n == 1234567890123456", "column 6: a number has at most 15 digits; write a text in quotes", id="digits"
        ),
        pytest.param("a.", "column 2: unexpected '.'", id="name-ends-in-a-dot"),
        pytest.param("a" * 1001, "column 1001: an expression has at most 1000 characters, this one 1001", id="length"),
        pytest.param("(" * 21 + "a" + ")" * 21, "column 21: parentheses and not go at most 20 deep", id="depth"),
        pytest.param("not " * 21 + "a", "column 81: parentheses and not go at most 20 deep", id="nots"),
    ],
)
def test_error_tells_column_and_remedy(text: str, error: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert str(caught.value) == error


def test_limits_are_allowed() -> None:
    deepest = parse("(" * 20 + "a" + ")" * 20)
    assert print_expression(deepest) == "a"
    assert print_expression(parse("a" * 1000)) == "a" * 1000


def test_names_tell_where_they_stand() -> None:
    used = names(parse("input.level == 'full' or branch in [a, 'b'] and not needs.x.outputs.y"))
    assert [(name.name, name.column) for name in used] == [
        ("input.level", 1),
        ("branch", 26),
        ("a", 37),
        ("needs.x.outputs.y", 53),
    ]


@pytest.mark.parametrize(
    ("text", "asks"), [("always()", True), ("tag and (a or failure())", True), ("tag", False), ("'always()'", False)]
)
def test_tree_tells_whether_it_asks_for_the_status(text: str, asks: bool) -> None:
    assert asks_for_status(parse(text)) is asks
