"""The page of limits: each figure is that of the code, and each limit of `cictl serve` stands on it."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

from cictl.base.text.sizes import setting_text
from cictl.cli.commands.here.serve import serve
from cictl_server.services.retention.policies import DEFAULT

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells[1:]
    for cells in (re.split(r" \| ", line.strip("| ")) for line in PAGE.splitlines() if line[:2] == "| ")
}
SERVER, AGENT = "cictl_server.services", "cictl_agent"
SIZES = [
    ("project file", "cictl.project_file.source.yaml_tree:MAX_FILE_BYTES"),
    ("its text, with aliases expanded", "cictl.project_file.source.structure:MAX_TEXT"),
    ("log of a job", f"{SERVER}.logs.book:DEFAULT_LOG_LIMIT"),
    ("report of tests or coverage", f"{AGENT}.job.reports.files:_MOST_BYTES"),
    ("output", "cictl.wire.jobs:LONGEST_OUTPUT"),
    ("file of `$CICTL_ENV`, `$CICTL_PATH` or `$CICTL_OUTPUT`", f"{AGENT}.job.steps.files:MOST_BYTES"),
    ("secret that the server keeps", f"{SERVER}.secrets.own.secrets:MAX_VALUE_BYTES"),
    ("free space on the disk", f"{SERVER}.core.limits.disk:_MIN_FREE_BYTES"),
    ("memory for what is decoded at once", f"{SERVER}.core.limits.memory:TOTAL_BYTES"),
]
COUNTS = [
    ("values, with aliases expanded", "cictl.project_file.source.yaml_tree:MAX_NODES"),
    ("levels", "cictl.project_file.source.yaml_tree:MAX_DEPTH"),
    ("included files", "cictl.project_file.source.includes:MOST_FILES"),
    ("combinations of all matrices", "cictl.project_file.matrix:MAX_COMBINATIONS"),
    ("condition", "cictl.expressions.parsing:MAX_LENGTH"),
    ("steps of a job", "cictl_server.log_writer.contract:MOST_STEPS"),
    ("locks of a job", "cictl.base.job_parts:MOST_LOCKS"),
    ("entries of `notify`", "cictl.project_file.rules.notify:MOST_ENTRIES"),
    ("value of an input", "cictl.project_file.inputs:MAX_INPUT"),
    ("name of an artifact", "cictl.base.names.artifact_paths:LONGEST_PATH"),
    ("tests in the reports of a step", f"{AGENT}.job.reports.problems:_MOST_CASES"),
    (
        "tests of a report that are noted [over time](operations.md#tests-over-time)",
        f"{SERVER}.artifacts.stories:_MOST_TESTS",
    ),
    ("labels of an agent", "cictl.base.names.labels:MOST_LABELS"),
    ("tools that the server asks agents for", "cictl.wire.agents:MOST_WANTED_TOOLS"),
    ("retries of a job", "cictl.base.job_parts:MOST_RETRIES"),
    ("notifications that wait for one target", f"{SERVER}.history.results.notices:MOST_WAITING"),
    ("wrong tokens of one address", f"{SERVER}.access.attempts:LIMIT"),
    ("leases that wait for work", "cictl_server.services:DEFAULT_LEASE_PLACES"),
    ("open streams, of one caller half of them", "cictl_server.services:DEFAULT_WAITING_PLACES"),
    ("jobs of an agent at once", "cictl.wire.agents:MOST_SLOTS"),
]
TIMES = [
    ("leased job that does not begin", f"{SERVER}.jobs.endings.expiry:LEASE_LIFETIME"),
    ("question to a remote", f"{SERVER}.projects.remotes:QUESTION_SECONDS"),
    ("fetch of one commit", f"{SERVER}.projects.remotes:FETCH_SECONDS"),
    ("checkout by an agent", f"{AGENT}.job.checkout:_LIMIT_SECONDS"),
    ("keeping of artifacts", f"{AGENT}.job.results:_KEEPING_SECONDS"),
    ("stop of a step", f"{AGENT}.system.commands:_GRACE_SECONDS"),
    ("secret of a Vault at a lease", f"{SERVER}.secrets.lease_secrets:LEASE_SECONDS"),
    ("answer of a notification's webhook", f"{SERVER}.notifications.webhooks:WEBHOOK_SECONDS"),
    ("log-in of a browser", f"{SERVER}.access.sessions:LIFETIME"),
    ("saved cache that nobody asks for", f"{AGENT}.job.caches.contents:_UNUSED"),
    ("deliveries of webhooks", f"{SERVER}.projects.hook_book:REMEMBERED"),
    ("answers to an `Idempotency-Key`", f"{SERVER}.core.idempotency:LIFETIME"),
    ("audit", f"{SERVER}.audit:DEFAULT_KEPT"),
]


def value(place: str) -> object:
    module, name = place.split(":")
    return getattr(import_module(module), name)


def time_text(length: object) -> str:
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(str(length))
    for unit, size in (("days", 86400 * 4), ("h", 3600), ("min", 120)):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:g} {unit}"
    return f"{seconds:g} s"


@pytest.mark.parametrize(("what", "place"), SIZES)
def test_sizes(what: str, place: str) -> None:
    assert ROWS[what][0].replace(" ", "", 1).startswith(setting_text(int(str(value(place)))))


@pytest.mark.parametrize(("what", "place"), COUNTS)
def test_counts(what: str, place: str) -> None:
    assert re.match(rf"{value(place):,}\b", ROWS[what][0])


@pytest.mark.parametrize(("what", "place"), TIMES)
def test_times(what: str, place: str) -> None:
    assert re.match(rf"{time_text(value(place))}\b", ROWS[what][0])


def test_retention() -> None:
    assert ROWS["runs of a pipeline"][0] == f"the newest {DEFAULT.keep_runs:,}"
    assert ROWS["artifacts and reports"][0] == f"{DEFAULT.artifact_days} days"
    assert (DEFAULT.keep_days, DEFAULT.log_days) == (0, 0), "logs stay as long as their run"


LIMITING = ("max_", "_seconds", "_timeout", "_connections", "_after", "keep_", "poll", "min_free")
OPTIONS = {
    f"--{name.replace('_', '-')}": parameter.default
    for name, parameter in inspect.signature(serve).parameters.items()
    if any(part in name for part in LIMITING)
}


@pytest.mark.parametrize("option", OPTIONS)
def test_each_limit_of_the_server_has_its_row_and_default(option: str) -> None:
    default = OPTIONS[option]
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    assert any(f"`{option}` {shown}".strip() in " | ".join(cells) for cells in ROWS.values())
