"""When a job runs: `rules`, `only`, `except` and `when`."""

from __future__ import annotations

import re

from cictl.cli.convert.output import Block
from cictl.cli.convert.source import Mapping, Sequence, mapping, texts
from cictl.cli.convert.tally import NEVER, UNSAID, Tally
from cictl.expressions import ExpressionError, parse

_EVENTS = {
    "push": "push",
    "merge_request_event": "pull_request",
    "schedule": "schedule",
    "web": "manual",
    "api": "manual",
}
_RULE_WORDS = re.compile(
    r"""\$(?P<name>[A-Z_a-z0-9]+)|(?P<text>"[^"]*"|'[^']*')|(?P<regex>/(?:\\.|[^/])+/i?)|(?P<op>==|!=|=~|!~|&&|\|\||[()])|null|\s+"""
)


class _NoEqual(Exception):
    """Something of a rule that can't be said."""


class Rules:
    """Reads the rules of jobs.

    Attributes:
        events: What the rules read so far start by, besides pushes: `tag`, `pull_request`, `schedule`.
    """

    def __init__(self, file: Mapping, tally: Tally) -> None:
        self._file = file
        self._tally = tally
        self.events: set[str] = set()

    def read(self, block: Block, job: Mapping) -> None:
        said: list[str] = []
        for rule in job["rules"] if isinstance(job.get("rules"), Sequence) else []:
            values = mapping(rule)
            self._rule(block, values, said)
        for key in ("only", "except"):
            if key in job:
                said += self._only(block, job, key)
        if str(job.get("when", "")) == "manual":
            self._approval(block)
        elif str(job.get("when", "")) in ("always", "on_failure"):
            said = [f"({' or '.join(said)})"] if said else []
            said = [" and ".join([*said, "always()" if job["when"] == "always" else "failure()"])]
        elif str(job.get("when", "")) == "delayed":
            block.note(self._tally.leave(job.lines["when"], "when: delayed", "nothing waits for a time alone"))
        if said:
            holding = [each for each in dict.fromkeys(said) if each != NEVER] or [NEVER]
            block.put("if", " or ".join(holding))
            self._tally.said += 1

    def _approval(self, block: Block) -> None:
        block.put("approval", Block(roles=["operator"]))
        self._tally.said += 1

    def _rule(self, block: Block, rule: Mapping, said: list[str]) -> None:
        if rule.get("changes") or rule.get("exists"):
            key = "changes" if rule.get("changes") else "exists"
            block.note(
                self._tally.leave(
                    rule.lines[key], key, "`paths` of `on.push` and `on.pull_request` are for a whole pipeline"
                )
            )
        if rule.get("when") == "manual":
            self._approval(block)
        if not rule.get("if"):
            return
        try:
            condition = self._condition(str(rule["if"]))
        except _NoEqual as error:
            block.note(self._tally.leave(rule.lines["if"], f"if: {rule['if']}", f"{error} {UNSAID}"))
            said.append(NEVER)
            return
        said.append(f"not ({condition})" if rule.get("when") == "never" else condition)

    def _only(self, block: Block, job: Mapping, key: str) -> list[str]:
        words = texts(mapping(job[key]).get("refs", "")) if isinstance(job[key], Mapping) else texts(job[key])
        said = []
        for word in words:
            if word in ("tags", "branches"):
                said.append("tag" if word == "tags" else "branch")
                self.events.add("tag" if word == "tags" else "push")
            elif word in ("merge_requests", "schedules", "web", "pushes"):
                event = {"merge_requests": "pull_request", "schedules": "schedule", "web": "manual", "pushes": "push"}[
                    word
                ]
                self.events.add(event)
                said.append(f"event == '{event}'")
            elif word.startswith("/"):
                block.note(self._tally.leave(job.lines[key], f"{key}: {word}", "a condition compares whole names"))
                said.append(NEVER)
            else:
                said.append(f"branch == '{word}'")
        return [f"not ({' or '.join(said)})"] if key == "except" and said else said

    def _condition(self, text: str) -> str:
        out, at = [], 0
        while at < len(text):
            match = _RULE_WORDS.match(text, at)
            if match is None:
                raise _NoEqual(text)
            at = match.end()
            if match["name"]:
                out.append(self._name(match["name"]))
            elif match["text"]:
                word = match["text"][1:-1]
                out.append(f"'{_EVENTS.get(word, word)}'")
                if out[-2:-1] == ["=="] and word in _EVENTS:
                    self.events.add(_EVENTS[word])
            elif match["regex"]:
                raise _NoEqual(match["regex"])
            elif match["op"]:
                out.append({"&&": "and", "||": "or"}.get(match["op"], match["op"]))
            elif match[0] == "null":
                out.append("''")
        said = " ".join(out).replace("( ", "(").replace(" )", ")")
        try:
            parse(said)
        except ExpressionError as error:
            raise _NoEqual(text) from error
        return said

    def _name(self, variable: str) -> str:
        names = {
            "CI_COMMIT_BRANCH": "branch",
            "CI_COMMIT_REF_NAME": "branch",
            "CI_COMMIT_TAG": "tag",
            "CI_PIPELINE_SOURCE": "event",
            "CI_COMMIT_SHA": "sha",
        }
        if variable == "CI_COMMIT_TAG":
            self.events.add("tag")
        if variable == "CI_DEFAULT_BRANCH":
            return "'main'"
        if variable in names:
            return names[variable]
        if variable in mapping(self._file.get("variables", "")):
            return f"env.{variable}"
        raise _NoEqual(f"${variable}")
