"""`${{ … }}` in texts, and `if`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cictl.expressions import ExpressionError, parse

VARIABLES: Mapping[str, str] = {
    "GITHUB_ENV": "CICTL_ENV",
    "GITHUB_PATH": "CICTL_PATH",
    "GITHUB_OUTPUT": "CICTL_OUTPUT",
    "GITHUB_SHA": "CICTL_COMMIT",
    "GITHUB_REF": "CICTL_REF",
    "GITHUB_REF_NAME": "CICTL_REF_NAME",
    "GITHUB_RUN_ID": "CICTL_RUN_ID",
    "GITHUB_JOB": "CICTL_JOB",
    "GITHUB_RUN_ATTEMPT": "CICTL_ATTEMPT",
    "GITHUB_WORKSPACE": "PWD",
    "GITHUB_HEAD_REF": "CICTL_BRANCH",
    "GITHUB_STEP_SUMMARY": "",
    "GITHUB_REPOSITORY": "",
    "GITHUB_ACTOR": "",
    "GITHUB_TOKEN": "",
    "GITHUB_RUN_NUMBER": "",
    "GITHUB_EVENT_NAME": "",
    "RUNNER_OS": "",
    "RUNNER_TEMP": "",
}

SYSTEMS: Mapping[str, str] = {"ubuntu": "linux", "windows": "windows", "macos": "darwin"}
"""Runners of the forge begin with these words; agents tell their systems by those."""

_NAMES: Mapping[str, str] = {
    "github.ref": "ref",
    "github.ref_name": "branch",
    "github.head_ref": "branch",
    "github.sha": "sha",
    "github.event_name": "event",
    "github.run_id": "run",
    "github.run_number": "run",
}
_VALUES: Mapping[str, str] = {"github.workspace": "$PWD", "github.token": ""}
_TEMPLATE = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_NAMED = re.compile(r"(matrix|inputs|needs|env|github\.event\.inputs)\.([A-Za-z0-9_.-]+)")
_HASH = re.compile(r"hashFiles\((.*)\)")
_SECRET = re.compile(r"secrets\.([A-Za-z0-9_]+)")
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|&&|\|\||==|!=|<=|>=|[<>!(),]|[A-Za-z_][A-Za-z0-9_.-]*(?:\.\*)?|\d+(?:\.\d+)?|\s+""", re.VERBOSE
)


class NoEqual(Exception):
    """An expression that can't be said; the text tells which part."""


def in_text(text: str, *, in_script: bool) -> str:
    """Return *text* with templates of ours.

    Args:
        in_script: A shell reads it, so variables of its environment stand for `env.X`, and for secrets, which `secrets_in` names.

    Raises:
        NoEqual: One has none.
    """

    def other(match: re.Match[str]) -> str:
        inside = match[1]
        if found := _HASH.fullmatch(inside):
            return f"{{{{hash_files({found[1]})}}}}"
        if inside in _NAMES:
            return f"{{{{{_NAMES[inside]}}}}}"
        if _VALUES.get(inside):
            return _VALUES[inside]
        if found := _SECRET.fullmatch(inside):
            return f"${{{found[1]}}}" if in_script else f"{{{{ secret.{found[1]} }}}}"
        if found := _NAMED.fullmatch(inside):
            return _named(found, in_script=in_script)
        if inside == "runner.os" and not in_script:
            return "linux"
        raise NoEqual(f"${{{{ {inside} }}}}")

    return _TEMPLATE.sub(other, text)


def _named(found: re.Match[str], *, in_script: bool) -> str:
    where, name = found[1], found[2]
    if where == "env":
        if not in_script:
            raise NoEqual(f"env.{name}")
        return f"${{{name}}}"
    prefix = {"matrix": "", "needs": "needs."}.get(where, "input.")
    return f"{{{{{prefix}{name}}}}}"


def secrets_in(text: str) -> list[str]:
    """Return the names of the secrets that *text* takes."""
    return [found[1] for match in _TEMPLATE.finditer(text) if (found := _SECRET.fullmatch(match[1]))]


def condition(text: str) -> str:
    """Return the condition that says what `if` says.

    Raises:
        NoEqual: None does.
    """
    inside = _TEMPLATE.fullmatch(text.strip())
    source = inside[1] if inside else text.strip()
    said = _said(_tokens(source)).strip()
    try:
        parse(said)
    except ExpressionError as error:
        raise NoEqual(source) from error
    return said


def _tokens(source: str) -> list[str]:
    tokens, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise NoEqual(source)
        at = match.end()
        if match[0].strip():
            tokens.append(match[0])
    return tokens


_WORDS: Mapping[str, str] = {"&&": "and", "||": "or", "!": "not"}
_STATUS = ("success", "failure", "always")


def _said(tokens: list[str]) -> str:
    out: list[str] = []
    rest = list(tokens)
    while rest:
        word = rest.pop(0)
        if word in _WORDS:
            out.append(_WORDS[word])
        elif word in ("startsWith", "contains") and rest[:1] == ["("]:
            arguments, rest = _arguments(rest)
            out.append(_called(word, arguments))
        elif word in _STATUS and rest[:2] == ["(", ")"]:
            out.append(f"{word}()")
            rest = rest[2:]
        elif word == "cancelled" and rest[:2] == ["(", ")"]:
            raise NoEqual("cancelled()")
        elif _is_name(word):
            out.append(_name(word))
        elif word.startswith("'"):
            out.append(word if "''" not in word[1:-1] else _requoted(word))
        else:
            out.append(word)
    return _short(" ".join(out).replace("( ", "(").replace(" )", ")"))


def _is_name(word: str) -> bool:
    return word[0].isalpha() and word not in ("true", "false", "null")


def _arguments(rest: list[str]) -> tuple[list[list[str]], list[str]]:
    """Return the tokens of each argument, and what stands behind the closing bracket."""
    depth = 0
    arguments: list[list[str]] = [[]]
    for number, word in enumerate(rest):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0:
            return arguments, rest[number + 1 :]
        if word == "," and depth == 1:
            arguments.append([])
        elif not (word == "(" and depth == 1):
            arguments[-1].append(word)
    raise NoEqual(" ".join(rest))


def _called(function: str, arguments: list[list[str]]) -> str:
    first, second = (" ".join(each) for each in [*arguments, [], []][:2])
    if function == "startsWith" and first == "github.ref":
        if second.startswith("'refs/tags/"):
            return "tag" if second in ("'refs/tags/'", "'refs/tags/v'") else _fail(f"startsWith({first}, {second})")
        if second == "'refs/heads/'":
            return "branch"
    if function == "contains":
        return f"{_said(arguments[1])} in {_said(arguments[0])}"
    return _fail(f"{function}({first}, {second})")


def _fail(text: str) -> str:
    raise NoEqual(text)


def _name(word: str) -> str:
    if word in _NAMES:
        return _NAMES[word]
    found = _NAMED.fullmatch(word)
    if found is None:
        raise NoEqual(word)
    if found[1] == "env":
        return word
    if found[1] == "needs" and not found[2].count(".outputs.") == 1:
        raise NoEqual(word)
    return {"matrix": "", "needs": "needs."}.get(found[1], "input.") + found[2]


def _requoted(word: str) -> str:
    return '"' + word[1:-1].replace("''", "'") + '"'


def _short(text: str) -> str:
    """Put the words of ours for comparisons with whole refs."""
    text = re.sub(r"\bref == 'refs/heads/([^']+)'", r"branch == '\1'", text)
    text = re.sub(r"\bref != 'refs/heads/([^']+)'", r"branch != '\1'", text)
    text = re.sub(r"\bref == 'refs/tags/([^']+)'", r"tag == '\1'", text)
    return re.sub(r"'(ubuntu|windows|macos)(?:-[^']*)?'", lambda found: f"'{SYSTEMS[found[1]]}'", text)
