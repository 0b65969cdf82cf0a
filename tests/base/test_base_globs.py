from __future__ import annotations

from typing import SupportsIndex

import pytest

from cictl.base.text.globs import BadPattern, GlobSet


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        pytest.param("a.txt", "a.txt", True, id="plain"),
        pytest.param("*.txt", "a.txt", True, id="star"),
        pytest.param("*.txt", "d/a.txt", False, id="star-stays-in-its-directory"),
        pytest.param("*", ".hidden", True, id="star-matches-dot-files"),
        pytest.param("?.txt", "a.txt", True, id="question-mark"),
        pytest.param("?.txt", "ab.txt", False, id="question-mark-is-one"),
        pytest.param("[a-c].txt", "b.txt", True, id="class"),
        pytest.param("[!a-c].txt", "b.txt", False, id="negated-class"),
        pytest.param("[^a-c].txt", "z.txt", True, id="negated-class-with-caret"),
        pytest.param("[]x].txt", "].txt", True, id="bracket-first-in-class"),
        pytest.param("[!]].txt", "a.txt", True, id="negated-bracket"),
        pytest.param("[*].txt", "*.txt", True, id="star-in-class"),
        pytest.param(r"[a\]].txt", "].txt", True, id="escaped-in-class"),
        pytest.param(r"\*.txt", "*.txt", True, id="escaped-star"),
        pytest.param(r"\*.txt", "a.txt", False, id="escaped-star-is-literal"),
        pytest.param("a.{txt,log}", "a.log", True, id="braces"),
        pytest.param("{a,b/c}.txt", "b/c.txt", True, id="braces-with-slash"),
        pytest.param("{a,{b,c}d}", "cd", True, id="nested-braces"),
        pytest.param("a{,.bak}", "a", True, id="empty-alternative"),
        pytest.param(r"[\]].txt", "].txt", True, id="escaped-bracket-first-in-class"),
        pytest.param(r"[\\].txt", "\\.txt", True, id="escaped-backslash-alone-in-class"),
        pytest.param(r"[!\]].txt", "].txt", False, id="negated-escaped-bracket"),
        pytest.param("[{]a", "{a", True, id="brace-in-class"),
        pytest.param("**", "a/b/c", True, id="everything"),
        pytest.param("**", ".git/config", True, id="everything-with-dot-files"),
        pytest.param("**/*.txt", "a.txt", True, id="no-directory"),
        pytest.param("**/*.txt", "a/b/c.txt", True, id="directories"),
        pytest.param("a/**/z", "a/z", True, id="none-between"),
        pytest.param("a/**/z", "a/b/c/z", True, id="some-between"),
        pytest.param("a/**/b/**/c", "a/x/b/y/b/c", True, id="twice"),
        pytest.param("a/**", "b/a/c", False, id="anchored"),
        pytest.param("a**z", "a/z", False, id="stars-inside-a-name-are-one-star"),
        pytest.param("out/", "out/a", False, id="directory-with-slash"),
        pytest.param("out", "out/a", False, id="directory"),
        pytest.param("./a.txt", "a.txt", False, id="leading-dot"),
        pytest.param("/a.txt", "a.txt", False, id="absolute"),
        pytest.param("d/../a.txt", "a.txt", False, id="climbing"),
        pytest.param("A.txt", "a.txt", False, id="case"),
        pytest.param("a+(b).txt", "a+(b).txt", True, id="other-characters-are-literal"),
        pytest.param("*", "new\nline", True, id="newline"),
        pytest.param("", "a", False, id="empty"),
        pytest.param("[a-]", "-", True, id="dash-at-the-end-of-a-class"),
        pytest.param(r"[a\-c]", "b", False, id="escaped-dash-in-class"),
        pytest.param("*.tar.*", "a.tar.tar.gz", True, id="first-place-is-not-the-only-one"),
        pytest.param("a*b*ab", "ab", False, id="pieces-do-not-overlap"),
        pytest.param("a*a", "aa", True, id="star-for-nothing"),
        pytest.param(r"\!a", "!a", True, id="escaped-exclamation-mark"),
        pytest.param("!a", "!a", False, id="exclusion-alone"),
    ],
)
def test_matching(pattern: str, path: str, expected: bool) -> None:
    assert GlobSet([pattern]).matches(path) is expected


@pytest.mark.parametrize("pattern", ["[a", "{a,b", "a}", "a\\", "[z-a]", "{a,b}" * 12, "{a}" * 1000, "a" * 5000])
def test_bad_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        GlobSet([pattern])


def test_directory_in_which_nothing_can_match_is_told_apart() -> None:
    globs = GlobSet(["dist/*.txt", "logs/**"])
    assert not globs.step(globs.start, "node_modules")
    assert globs.step(globs.start, "logs")


@pytest.mark.parametrize("patterns", [["dist/**", "!dist/**/*.map"], ["!dist/**/*.map", "dist/**"]])
def test_exclusions_take_away_wherever_they_stand(patterns: list[str]) -> None:
    globs = GlobSet(patterns)
    assert [globs.matches(path) for path in ("dist/a.js", "dist/a.map", "dist/b/c.map")] == [True, False, False]


@pytest.mark.parametrize("exclusion", ["!node_modules", "!node_modules/**", "!{node,old}_modules"])
def test_excluded_directory_is_not_entered(exclusion: str) -> None:
    globs = GlobSet(["**/*.js", exclusion])
    assert not globs.step(globs.start, "node_modules")
    assert globs.step(globs.start, "src")


def test_matching_names_the_patterns() -> None:
    globs = GlobSet(["*.txt", "a.*", "!b.*"])
    assert globs.matched_by(globs.step(globs.start, "a.txt")) == {0, 1}
    assert globs.matched_by(globs.step(globs.start, "b.txt")) == set()


class Counted(str):
    """A name that counts how often one of its characters is looked at."""

    looks = 0

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        self.looks += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("pattern", ["a*a*a*a*a*a*a*b", "*a*a*a*a*a*a*b*", "*" * 200 + "b", "[a-z]*[a-z]*?*{a,a}*b"])
def test_no_pattern_makes_a_long_name_costly(pattern: str) -> None:
    name = Counted("a" * 250)
    globs = GlobSet([pattern])
    assert not globs.accepts(globs.step(globs.start, name))
    assert name.looks <= 2 * len(name)
