"""The numbered weaknesses of the reference server, each held by tests that carry its number: `@pytest.mark.weakness("W7")`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent

AGENTS_AND_JOBS = {
    "A1.6": "uploads are read into memory, and have no limit",
    "A1.7": "jobs are sorted by the text of their times",
    "A1.8": "jobs of the same nanosecond collide",
    "A3.2": "an order is lost with its answer",
    "A3.5": "a status is cut within a character",
    "A3.6": "heartbeats push all else out of the log",
    "A5a": "deactivating erases the log",
    "A5b": "an agent without a heartbeat since the start is unknown",
    "A5c": "deactivating settles no dependants",
    "A6.1a": "a deactivated agent leases after a restart",
    "A6.1b": "a lost answer to a lease idles the agent",
    "A6.1c": "a delayed lease ends what its agent runs",
    "A6.1d": "simultaneous leases of one agent get several jobs",
    "A6.1e": "a slow vault fails jobs",
    "A6.3": "steps that a dry run skips need a vault",
    "A6.2": "four-part versions never match",
    "A7.1": "requirements of a container are listed as unmet",
    "A7.3a": "anyone starts and ends queued jobs",
    "A7.3b": "what a lost agent still sends reaches the next one's log and files",
    "A7.3c": "what never ran has a start, so nothing counts as blocked",
    "A7.3d": "a log is written whole with each report",
    "A7.4a": "each list loads every job",
    "A7.4b": "what does not fit under the cap cannot be reached",
    "A7.7a": "what belongs to a deleted job stays",
    "A7.7b": "deleting strands dependants",
    "A7.7c": "a rerun can't heal its run",
    "A8.2a": "uploads are half stored, and unbounded",
    "A8.2b": "uploads that come at once mix",
    "A8.3a": "addresses are not encoded",
    "A8.3b": "directories are listed, and active content runs",
    "A8.3c": "any text counts as the id of a job",
    "A10.1a": "the job of a dead agent runs for ever",
    "A10.1b": "a long upload after a long run is given up",
    "A10.1c": "jobs wait for ever",
    "A12.1": "a slash behind the server's address breaks calls",
    "A12.2a": "the report of the end is given up",
    "A12.2b": "orders hold each other up",
    "A12.4": "one failed report ends a job unreported",
    "A12.5a": "git takes options from names, and logs credentials",
    "A12.5b": "jobs see the agent's tokens",
    "A12.5c": "a background child holds its step",
    "A12.5d": "an agent that is stopped leaves its job behind",
    "A12.5e": "secrets show at cuts, in errors, and encoded",
    "A12.6": "the reports and modes of dependencies",
    "A12.8": "containers start late and outlive a cancel",
    "A12.9a": "links lead out of the workspace",
    "A12.9b": "a failed upload hides the step's error",
    "A12.10": "broken JUnit counts as no tests",
}
"""`A` and the section of the contract, with a letter where a section has several."""

NUMBERED = {
    "projects and pipelines": [f"W{number}" for number in range(1, 43)],
    "agents and jobs": list(AGENTS_AND_JOBS),
    "vaults": [f"V{number}" for number in range(1, 16)],
    "updates": [f"U{number}" for number in range(1, 18)],
    "restarts": [f"R{number}" for number in range(1, 5)],
    "installers": [f"I{number}" for number in range(1, 9)],
}
"""The numbers of each part of the contract."""


def test_each_number_is_carried_by_a_test() -> None:
    wanted = {number for numbers in NUMBERED.values() for number in numbers}
    assert set(carried()) == wanted


def carried() -> Iterator[str]:
    """Yield the numbers that the marks of tests name, whether or not these tests are selected now."""
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if "mark.weakness" in text:
            yield from (number for test in cases_in(text) for number in numbers_of(test))


def cases_in(text: str) -> Iterator[ast.FunctionDef]:
    found = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    return (node for node in found if node.name.startswith("test_"))


def numbers_of(test: ast.FunctionDef) -> Iterator[str]:
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.weakness":
            yield from (ast.literal_eval(number) for number in mark.args)
