"""Statuses of commits: what forges show is what the runs say, whatever happens on the way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer
from cictl_testing.servers.forges import TOKEN, ForgeStandIn, Gitea, GitHub, GitLab, serving

from cictl.wire.forges import Forge, ForgeKind
from cictl.wire.runs import Run, RunList, RunStatus
from cictl_server.services.forges.apis import APIS
from cictl_server.services.forges.delivering import GIVEN_UP_AFTER
from cictl_server.services.notifications import NotificationSettings

FILE = """\
version: 1
project: {name: shop}
pipelines:
  - id: build
    vcs_source: {repo: self}
    jobs: [{id: one, steps: [{run: x}]}, {id: two, steps: [{run: x}]}]
"""
KINDS: dict[ForgeKind, Callable[[], ForgeStandIn]] = {
    ForgeKind.GITHUB: GitHub,
    ForgeKind.GITEA: Gitea,
    ForgeKind.GITLAB: GitLab,
}


class Told:
    """A server whose project has a forge."""

    def __init__(self, server: RunningServer, kind: ForgeKind, forge: ForgeStandIn, api: str, directory: Path) -> None:
        self.server, self.kind, self.forge, self.api = server, kind, forge, api
        self.origin = Origin(directory)
        self.commit = self.origin.commit({"cictl.yaml": FILE})
        forge.commits.add(self.commit)
        ids = import_project(server, self.origin.url)
        self.project, self.pipeline = ids["project"], ids["build"]
        self.set()

    def set(self, token: str = TOKEN) -> None:
        """Set the forge of the project, as an admin does."""
        body = {"kind": self.kind, "api": self.api, "token": token, "repository": "tea/shop"}
        answer = self.server.post(f"/api/v1/projects/{self.project}/forge", body)
        assert answer.status_code == 200, answer.text

    def deliver(self, seconds: float = 0) -> None:
        self.server.clock.step(seconds)
        self.server.services.forges.delivering.run_once()

    def state(self, commit: str = "") -> str:
        """Return what the forge shows for the pipeline."""
        return self.forge.shown[commit or self.commit, "cictl/build"]

    def show(self) -> Forge:
        return self.server.read(Forge, f"/api/v1/projects/{self.project}/forge")

    def statuses(self) -> list[str]:
        return [state for _, _, state in self.forge.posts]


@pytest.fixture(params=list(KINDS), ids=str)
def told(request: pytest.FixtureRequest, server: RunningServer, tmp_path: Path) -> Iterator[Told]:
    forge = KINDS[request.param]()
    server.restart_with(notification_settings=NotificationSettings(allows_http=True), base_url="https://ci.example.com")
    with serving(forge) as api:
        yield Told(server, request.param, forge, api, tmp_path)


@pytest.fixture
def github(server: RunningServer, tmp_path: Path) -> Iterator[Told]:
    forge = GitHub()
    server.restart_with(notification_settings=NotificationSettings(allows_http=True), base_url="https://ci.example.com")
    with serving(forge) as api:
        yield Told(server, ForgeKind.GITHUB, forge, api, tmp_path)


def test_a_run_is_told_from_its_start_to_its_result(told: Told) -> None:
    server, states = told.server, APIS[told.kind].states
    server.run(told.pipeline)
    told.deliver()
    first, second = server.running("a"), server.running("b")
    told.deliver()
    assert server.report(first.id, "succeeded", "a").status_code == 200
    told.deliver()
    assert server.report(second.id, "failed", "b").status_code == 200
    told.deliver()
    assert told.statuses() == [states[RunStatus(status)] for status in ("queued", "running", "failed")]
    assert told.forge.links[told.commit, "cictl/build"] == "https://ci.example.com/runs/1"
    assert (told.show().waiting, told.show().problem) == (0, "")


def test_a_second_run_and_a_rerun_go_on_with_the_same_status(told: Told) -> None:
    server, states = told.server, APIS[told.kind].states
    for _ in range(2):
        server.run(told.pipeline)
        finish_everything(server)
        told.deliver()
    server.post("/api/v1/runs/1/rerun", {})
    told.deliver()
    finish_everything(server, "failed")
    told.deliver()
    assert told.state() == states[RunStatus.FAILED]
    assert {post[:2] for post in told.forge.posts} == {(told.commit, "cictl/build")}
    if isinstance(told.forge, GitLab):
        assert told.forge.refs == {told.commit: {"main"}}, "one pipeline there"


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_what_a_broken_forge_does_not_take_waits_and_the_newest_is_told(github: Told, status: int) -> None:
    github.forge.outage = status
    github.server.run(github.pipeline)
    requests = []
    for _ in range(6):
        github.deliver()
        requests.append(github.forge.requests)
        github.deliver(2)
    assert requests == [1, 2, 2, 3, 3, 3], "again after 2 s, 4 s, 8 s"
    assert (github.show().waiting, github.show().problem[:15]) == (1, f"it answered {status}")
    finish_everything(github.server)
    github.forge.outage = 0
    github.deliver(300)
    assert (github.statuses(), github.show().waiting, github.show().problem) == (["success"], 0, "")


def test_a_forge_that_does_not_answer_is_told_when_it_is_back(server: RunningServer, tmp_path: Path) -> None:
    server.restart_with(notification_settings=NotificationSettings(allows_http=True), base_url="https://ci.example.com")
    forge = GitHub()
    with serving(forge) as api:
        told = Told(server, ForgeKind.GITHUB, forge, api, tmp_path)
    server.run(told.pipeline)
    told.deliver()
    assert "refused" in told.show().problem
    with serving(forge) as told.api:
        told.set()
        told.deliver(300)
        assert (told.statuses(), told.show().problem) == (["pending"], "")


def test_a_token_that_does_not_count_is_told_and_another_one_mends_it(told: Told) -> None:
    told.set("another")
    told.server.run(told.pipeline)
    told.deliver()
    assert told.show().problem.startswith("it answered 401")
    told.set()
    told.deliver(2)
    assert (told.state(), told.show().problem) == ("pending", "")


def test_a_repository_that_is_not_there_is_told(github: Told) -> None:
    github.forge.repository = "tea/other"
    github.server.run(github.pipeline)
    github.deliver()
    assert github.show().problem.startswith("it answered 404")


def test_what_the_forge_will_never_take_is_not_sent_again(github: Told) -> None:
    github.forge.commits.clear()
    github.server.run(github.pipeline)
    for _ in range(5):
        github.deliver(300)
    assert github.forge.requests == 1
    assert (github.show().waiting, "No commit found" in github.show().problem) == (0, True)


def test_after_three_days_a_status_is_given_up(github: Told) -> None:
    github.forge.outage = 500
    github.server.run(github.pipeline)
    github.deliver()
    github.deliver(GIVEN_UP_AFTER.total_seconds())
    github.deliver(300)
    assert (github.show().waiting, github.show().problem) == (0, "")


def test_nothing_is_lost_when_the_server_is_killed(github: Told) -> None:
    github.server.run(github.pipeline)
    github.server.restart()
    github.deliver()
    finish_everything(github.server)
    github.server.restart()
    github.deliver()
    assert github.statuses() == ["pending", "success"]


def test_dry_runs_and_other_repositories_are_not_told(github: Told) -> None:
    server = github.server
    server.run(github.pipeline, dry_run=True)
    source = f"vcs_source: {{repo: {github.origin.url}, ref: main}}, jobs: [{{id: j, steps: [{{run: x}}]}}]"
    other = server.define_project(
        f"pipelines: [{{id: other, {source}}}]", name="tea", repo_url="https://git.example.com/tea.git"
    )
    server.run(other["other"])
    github.deliver()
    assert github.forge.requests == 0


def test_the_token_is_never_shown_and_no_job_gets_it(github: Told) -> None:
    assert github.server.get("/api/v1/secrets").json["secrets"] == []
    assert TOKEN.encode() not in github.server.get(f"/api/v1/projects/{github.project}/forge").content
    assert TOKEN.encode() not in github.server.stored()
    github.server.services.secrets.own.rotate_key()
    github.server.run(github.pipeline)
    github.deliver()
    assert github.statuses() == ["pending"]


def test_a_forge_that_is_removed_is_told_nothing_more(github: Told) -> None:
    github.server.run(github.pipeline)
    assert github.server.http.simulate_delete(f"/api/v1/projects/{github.project}/forge").status_code == 204
    finish_everything(github.server)
    github.deliver()
    assert github.forge.requests == 0
    assert github.server.get(f"/api/v1/projects/{github.project}/forge").status_code == 404
    assert github.server.store.look(lambda view: (view.statuses.count(), view.secrets.count())) == (0, 0)


def test_a_forge_is_tested_without_a_status(told: Told) -> None:
    path = f"/api/v1/projects/{told.project}/forge/test"
    assert told.server.post(path).json == {"ok": True, "detail": "it shows tea/shop to this token"}
    told.set("another")
    answer = told.server.post(path).json
    assert (answer["ok"], answer["detail"]) == (False, "it answered 401: it does not take the token")
    assert told.forge.posts == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"kind": "svn"}, 'kind "svn" is unknown', id="kind"),
        pytest.param({"api": ""}, "api can't be used: not an http or https URL: ''", id="no API"),
        pytest.param({"api": "https://u:p@example.com"}, "api must have no user, query or fragment", id="user"),
        pytest.param({"token": "two words"}, "token must have 1 to 1000 characters without blanks", id="token"),
        pytest.param({"repository": "shop"}, 'repository "shop" is not OWNER/NAME', id="repository"),
    ],
)
def test_a_forge_that_can_not_be_is_refused(server: RunningServer, changes: dict[str, str], problem: str) -> None:
    server.define("[{id: j, steps: [{run: x}]}]")
    good = {"kind": "github", "api": "https://api.github.com", "token": TOKEN, "repository": "tea/shop"}
    answer = server.post("/api/v1/projects/1/forge", {**good, **changes})
    assert (answer.status_code, answer.text.strip()) == (400, problem)


def test_a_forge_on_this_machine_or_without_tls_wants_leave(server: RunningServer) -> None:
    server.define("[{id: j, steps: [{run: x}]}]")
    body = {"kind": "github", "api": "http://127.0.0.1:9", "token": TOKEN, "repository": "tea/shop"}
    answer = server.post("/api/v1/projects/1/forge", body)
    assert answer.status_code == 400
    assert "--allow-http-targets" in answer.text


@pytest.mark.parametrize(
    ("repo_url", "repository"),
    [
        ("https://git.example.com/tea/shop.git", "tea/shop"),
        ("git@git.example.com:tea/group/shop.git", "tea/group/shop"),
        ("ssh://git@git.example.com:2222/tea/shop", "tea/shop"),
    ],
)
def test_the_repository_is_that_of_the_project(server: RunningServer, repo_url: str, repository: str) -> None:
    server.define_project("pipelines: [{id: p, jobs: [{id: j, steps: [{run: x}]}]}]", repo_url=repo_url)
    body = {"kind": "gitlab", "api": "https://git.example.com/api/v4/", "token": TOKEN}
    answer = server.post("/api/v1/projects/1/forge", body)
    assert (answer.json["repository"], answer.json["api"]) == (repository, "https://git.example.com/api/v4")


def test_the_forge_shows_what_the_runs_say_after_all_that_may_happen(told: Told) -> None:
    """200 random deeds on runs of three commits, with outages; the last change of a run of a commit is what counts for it."""
    server, chance = told.server, random.Random(1)
    commits = [told.commit, *(told.origin.commit({"n": str(number)}, branch=f"b{number}") for number in (1, 2))]
    told.forge.commits.update(commits)
    latest: dict[str, Run] = {}
    known: dict[int, Run] = {}

    def note() -> None:
        for run in server.read(RunList, "/api/v1/runs").runs:
            if run.number not in known or known[run.number].status is not run.status:
                latest[run.sha] = run
            known[run.number] = run

    def start() -> None:
        if len(known) < 8:
            server.run(told.pipeline, source_ref=chance.choice(["main", "b1", "b2"]))

    def go_on() -> None:
        agent = chance.choice("ab")
        if job := server.lease(agent).job_execution:
            server.report(job.id, "running", agent)
            note()
            server.report(job.id, chance.choice(["succeeded", "failed"]), agent)

    deeds: list[Callable[[], object]] = [
        start,
        *[go_on] * 4,
        lambda: server.post(f"/api/v1/runs/{chance.randint(1, 8)}/cancel"),
        lambda: server.post(f"/api/v1/runs/{chance.randint(1, 8)}/rerun", {"only_failed": chance.random() < 0.5}),
        lambda: setattr(told.forge, "outage", chance.choice([0, 0, 500, 503])),
        lambda: told.deliver(chance.choice([0, 1, 5])),
    ]
    for _ in range(200):
        chance.choice(deeds)()
        note()
    finish_everything(server)
    note()
    told.forge.outage = 0
    told.deliver(300)
    told.deliver(300)
    states = APIS[told.kind].states
    assert {commit: told.state(commit) for commit in latest} == {
        commit: states[run.status] for commit, run in latest.items()
    }
    assert told.show().waiting == 0
