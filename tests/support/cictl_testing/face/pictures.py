"""Makes the pictures of pages that the documentation shows: `python -m cictl_testing.face.pictures docs/pictures`."""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace
from playwright.sync_api import Browser

from cictl.wire.agents import StatusRequest
from cictl_server.app import create_app
from cictl_server.services.runs.runs import RunQuery
from cictl_server.store.contract import Transaction
from cictl_testing.face.browser import chromium
from cictl_testing.server import RunningServer, SteppedClock
from cictl_testing.servers.threads import ThreadedServer

_JOBS = """\
[{id: lint, steps: [{run: make lint}]},
 {id: compile, steps: [{run: make}]},
 {id: unit, needs: [compile], matrix: {include: [{name: py311, v: "3.11"}, {name: py312, v: "3.12"}, {name: py313, v: "3.13"}]},
  steps: [{name: install, run: pip install -e .}, {name: pytest, run: pytest}]},
 {id: browser, needs: [compile], steps: [{run: make browser}]},
 {id: docs, steps: [{run: make site}]},
 {id: package, needs: [lint, unit, browser, docs], steps: [{run: make wheel}]},
 {id: publish, needs: [package], approval: {roles: [admin]}, steps: [{run: make publish}]}]"""
_NIGHTLY = "[{id: soak, steps: [{run: make soak}]}]"
_COMMITS = ("Warm the pot", "Pour slower", "Ask for milk", "Whistle once", "Count the cups", "Descale", "Fit the lid")
_WAYS = {"overview": "/", "run": "/runs/{run}", "job": "/jobs/{job}", "queue": "/queue"}
_LOG = """\
[prepare] checkout main at 4f2c9be1d0
$ pip install -e .
Successfully installed teapot-2.4.0
$ pytest
\x1b[32m........................................................................\x1b[0m [ 61%]
\x1b[32m..............................................\x1b[0m                          [100%]
\x1b[32m118 passed\x1b[0m in 12.31s
"""


class _Stage:
    """A server with three projects, a day's runs, and some that run and wait now."""

    def __init__(self, directory: Path) -> None:
        self._random = random.Random(7)
        clock = SteppedClock()
        clock.now = datetime.now(UTC) - timedelta(hours=9)
        self.server = RunningServer(directory, clock=clock, kind="tiny")
        rest = f"pipelines: [{{id: build, jobs: {_JOBS}}}, {{id: nightly, jobs: {_NIGHTLY}}}]"
        self._ids = {name: self.server.define_project(rest, name=name) for name in ("kettle", "samovar", "teapot")}
        self._agents()

    def fill(self) -> None:
        for number in range(14):
            for ids in self._ids.values():
                self.server.run(ids["build"])
                if number % 4 == 0:
                    self.server.run(ids["nightly"])
                self._work()
                if number < 13:
                    self._approve()
                self.server.clock.step(420)
        self.server.clock.now = max(self.server.clock.now, datetime.now(UTC) - timedelta(seconds=95))
        self._begin()

    def _approve(self) -> None:
        waiting = self.server.services.runs.runs.list_runs(RunQuery(statuses=("waiting_approval",)), limit=9)
        for run in waiting.runs:
            self.server.post(f"/api/v1/runs/{run.number}/approve", {"job": "publish"})
        self._work()

    def _begin(self) -> None:
        """Leave a run in its middle, and one that waits for an agent."""
        self._agents()
        self.server.run(self._ids["teapot"]["build"])
        for _ in range(2):
            self.server.finish("succeeded", "linux-1")
            self.server.clock.step(14)
        job = self.server.running("linux-1")
        self.server.running("linux-2")
        report = StatusRequest(agent_id="linux-1", status="running", output=_LOG, current_step="pytest")
        self.server.post(f"/api/v1/jobs/{job.id}/status", report)
        self.run, self.job = job.facts.run_number, job.id
        self.server.run(self._ids["kettle"]["build"])
        self.server.store.write(self._tell_commits)

    def _agents(self) -> None:
        for name in ("linux-1", "linux-2"):
            self.server.heartbeat(name, hostname=name)

    def _work(self) -> None:
        while job := self.server.lease("linux-1").job_execution:
            self.server.report(job.id, "running", "linux-1")
            self.server.clock.step(self._random.uniform(4, 40))
            self._agents()
            is_bad = self._random.random() < 0.03
            error = {"error": "exit code 1 in step pytest"} if is_bad else {}
            self.server.report(job.id, "failed" if is_bad else "succeeded", "linux-1", **error)

    def _tell_commits(self, tx: Transaction) -> None:
        for run in list(tx.runs.iter_all()):
            number = run.number
            tx.runs.put(
                replace(
                    run,
                    sha=hashlib.sha256(b"%d" % number).hexdigest()[:40],
                    message=_COMMITS[number % len(_COMMITS)],
                    author=("Ada", "Grace", "Linus")[number % 3],
                    branch="main" if number % 5 else "steam",
                    event="push",
                )
            )


def _draw(browser: Browser, stage: _Stage, url: str, folder: Path) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 660}, color_scheme=scheme)
        page = context.new_page()
        for name, way in _WAYS.items():
            page.goto(way.format(run=stage.run, job=stage.job))
            page.wait_for_load_state()
            page.screenshot(path=folder / f"{name}-{scheme}.png")
        context.close()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        stage = _Stage(Path(directory))
        stage.fill()
        threads = ThreadedServer(create_app(stage.server.services))
        _draw(browser, stage, threads.url, folder)
        stage.server.services.core.hub.close()
        threads.stop()
        stage.server.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
