"""What pushes and webhooks start where two servers work on one database: each run once."""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.servers.sharing import SharingServer

from cictl.wire.triggers import ProjectCheck

Both = tuple[SharingServer, SharingServer]

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - {id: build, on: {push: {}}, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}
  - {id: ship, on: {after: [build]}, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "git")
    made.commit({"cictl.yaml": FILE})
    return made


def runs(server: SharingServer) -> list[str]:
    return [run["pipeline"] for run in server.get("/api/v1/runs").json["runs"]]


def test_two_servers_start_each_run_once(both: Both, origin: Origin) -> None:
    import_project(both[0], origin.url)
    both[1].services.triggers.checks.check(1)
    origin.commit({"cictl.yaml": FILE, "more": "x"})
    begin = Barrier(2)

    def look(server: SharingServer) -> ProjectCheck:
        begin.wait(60)
        return server.services.triggers.checks.check(1)

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(look, both))
    assert [run.pipeline for one in found for run in one.started] == ["build"]
    finish_everything(both[0])

    def follow(server: SharingServer) -> None:
        begin.wait(60)
        server.services.triggers.followers.run_once()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(follow, both))
    assert runs(both[1]) == ["ship", "build"]


def test_a_webhook_at_one_is_obeyed_by_the_other(both: Both, origin: Origin) -> None:
    here, there = both
    import_project(here, origin.url)
    there.services.triggers.checks.check(1)
    secret = here.post("/api/v1/projects/1/hook/rotate").json["secret"]
    origin.commit({"cictl.yaml": FILE, "more": "x"})
    signature = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
    answer = here.http.simulate_post(
        "/api/v1/hooks/1", body=b"{}", headers={"X-Hub-Signature-256": f"sha256={signature}"}
    )
    assert answer.status_code == 202
    for _ in range(50):
        there.services.triggers.rounds.run_once()
        if runs(here):
            break
    assert runs(here) == ["build"]
    there.services.triggers.own_places.close()
    there.services.triggers.rounds.close()
