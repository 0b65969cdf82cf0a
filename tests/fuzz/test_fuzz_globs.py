"""Artifact patterns: the matcher says what a slow and obvious one says, with work that grows with name times pattern."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from cictl_testing.fuzz.budget import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from cictl.base.text import globs
from cictl.base.text.globs import BadPattern, GlobSet

Token = tuple[str, object]
"""What a pattern is made of: a literal, any character, any text of a name, a class, any directories, alternatives."""

LITERALS = st.sampled_from("ab-.!x")
CLASSES = st.tuples(st.booleans(), st.lists(st.sampled_from("abx-!]^\\"), min_size=1, max_size=3, unique=True))
SIMPLE = st.one_of(
    st.tuples(st.just("literal"), LITERALS),
    st.tuples(st.just("literal"), LITERALS),
    st.tuples(st.just("literal"), st.sampled_from("*?[]{},\\")),
    st.tuples(st.just("any"), st.none()),
    st.tuples(st.just("star"), st.none()),
    st.tuples(st.just("class"), CLASSES),
    st.tuples(st.just("slash"), st.none()),
)
PIECES = st.lists(SIMPLE, max_size=4)
TOKENS = st.lists(
    st.one_of(
        SIMPLE,
        SIMPLE,
        st.tuples(st.just("depth"), st.none()),
        st.tuples(st.just("either"), st.lists(PIECES, min_size=1, max_size=3)),
    ),
    max_size=6,
)
NAMES = st.text("abx-.!*]\\", min_size=1, max_size=6)
PATHS = st.lists(NAMES, min_size=1, max_size=4)


def text_of(tokens: list[Token]) -> str:
    """Write a pattern."""
    return "".join(map(_text, tokens))


def _text(token: Token) -> str:
    match token:
        case "literal", str(char):
            return f"\\{char}" if char in "*?[]{},\\!" else char
        case "class", (bool(negated), list(members)):
            return "".join(["[", "!" if negated else "", *(f"\\{member}" for member in members), "]"])
        case "either", list(choices):
            return "{" + ",".join(map(text_of, choices)) + "}"
        case kind, _:
            return {"any": "?", "star": "*", "slash": "/", "depth": "/**/"}[kind]
    raise AssertionError(token)


def plain(tokens: list[Token]) -> Iterator[list[Token]]:
    """Yield the patterns without alternatives that a pattern stands for."""
    for position, (kind, choices) in enumerate(tokens):
        if kind == "either":
            assert isinstance(choices, list)
            for choice in choices:
                yield from plain([*tokens[:position], *choice, *tokens[position + 1 :]])
            return
    yield tokens


def names_of(tokens: list[Token]) -> list[list[Token] | None]:
    """Split a pattern at its slashes; None stands for any directories."""
    names: list[list[Token] | None] = [[]]
    for token in tokens:
        if token[0] == "slash":
            names.append([])
        elif token[0] == "depth":
            names += [None, []]
        else:
            assert names[-1] is not None
            names[-1].append(token)
    # Two stars that are all of a name are any directories too.
    return [None if name is not None and [kind for kind, _ in name] == ["star", "star"] else name for name in names]


def fits_name(tokens: list[Token], name: str) -> bool:
    """Tell whether a name matches, by trying everything."""
    if not tokens:
        return not name
    (kind, value), *rest = tokens
    if kind == "star":
        return any(fits_name(rest, name[at:]) for at in range(len(name) + 1))
    if not name:
        return False
    if kind == "literal" and name[0] != value:
        return False
    if kind == "class":
        assert isinstance(value, tuple)
        negated, members = value
        if (name[0] in members) == negated:
            return False
    return fits_name(rest, name[1:])


def fits(names: list[list[Token] | None], path: list[str]) -> bool:
    """Tell whether a path matches, by trying everything."""
    if not names:
        return not path
    first, *rest = names
    if first is None:
        return any(fits(rest, path[at:]) for at in range(len(path) + 1))
    return bool(path) and fits_name(first, path[0]) and fits(rest, path[1:])


def matches(tokens: list[Token], path: list[str]) -> bool:
    return any(fits(names_of(one), path) for one in plain(tokens))


@fuzzed(examples=300)
@given(st.lists(TOKENS, min_size=1, max_size=2), st.lists(TOKENS, max_size=1), PATHS)
def test_a_path_matches_as_a_slow_matcher_says(
    wanted: list[list[Token]], refused: list[list[Token]], path: list[str]
) -> None:
    patterns = [*map(text_of, wanted), *(f"!{text_of(tokens)}" for tokens in refused)]
    expected = any(matches(tokens, path) for tokens in wanted)
    for tokens in refused:
        # What is left out takes along all that is below it.
        expected = expected and not any(matches(tokens, path[:end]) for end in range(1, len(path) + 1))
    assert GlobSet(patterns).matches("/".join(path)) == expected


@fuzzed(examples=300)
@given(st.text("ab*?[]{},!\\/-^", max_size=16), PATHS)
def test_any_text_is_a_pattern_or_refused(pattern: str, path: list[str]) -> None:
    try:
        found = GlobSet([pattern])
    except BadPattern as error:
        told = str(error)
    else:
        assert found.matches("/".join(path)) in (True, False)
        assert found.matches("/".join(path)) == GlobSet([pattern, pattern]).matches("/".join(path))
        return
    assert told


@fuzzed(examples=100)
@given(st.text("ab*?", max_size=60), st.text("ab", max_size=200))
def test_work_grows_with_name_times_pattern(pattern: str, name: str) -> None:
    steps = 0
    real = globs._Characters.accepts

    def counted(characters: globs._Characters, char: str) -> bool:
        nonlocal steps
        steps += 1
        return real(characters, char)

    with mock.patch.object(globs._Characters, "accepts", counted):
        GlobSet([pattern]).matches(name)
    assert steps <= (len(pattern) + 1) * (len(name) + 1)
