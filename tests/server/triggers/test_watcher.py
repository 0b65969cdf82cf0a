"""Looks at a repository: what pushes start, each once, by the project file of the commit."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.origins import Origin, finish_everything, import_project
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.runs import Run, RunList
from cictl.wire.triggers import ProjectCheck

JOBS = 'vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: "echo {{event}} {{branch}}"}]}]'


def project_file(*pipelines: str) -> str:
    """Return a project file with pipelines of these ids and triggers, such as `build, on: {push: {}}`."""
    listed = ", ".join(f"{{id: {one}, {JOBS}}}" for one in pipelines)
    return f"version: 1\nproject: {{name: shop}}\npipelines: [{listed}]\n"


EVERY_BRANCH = project_file("build, on: {push: {}}")


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "git")
    made.commit({"cictl.yaml": EVERY_BRANCH})
    return made


@pytest.fixture
def watched(server: RunningServer, origin: Origin) -> RunningServer:
    """A server that has looked at the repository once."""
    import_project(server, origin.url)
    assert check(server) == ProjectCheck(project="shop", looked_utc=server.clock())
    return server


def check(server: RunningServer) -> ProjectCheck:
    answer = server.post("/api/v1/projects/1/check")
    assert answer.status_code == 200, answer.text
    return decode(answer.content, ProjectCheck)


def commit(origin: Origin, message: str, *, branch: str = "main", files: dict[str, str] | None = None) -> str:
    """Commit with a message, push, and return the commit."""
    git(origin.work, "checkout", "-q", "-B", branch)
    for path, text in (files or {}).items():
        (origin.work / path).parent.mkdir(parents=True, exist_ok=True)
        (origin.work / path).write_text(text)
    git(origin.work, "add", "-A")
    me = ("-c", "user.name=Ada", "-c", "user.email=ada@localhost")
    git(origin.work, *me, "commit", "-q", "--allow-empty", "-m", message)
    return origin.push(branch)


def runs(server: RunningServer) -> list[Run]:
    """Return all runs, the oldest first."""
    return list(reversed(server.read(RunList, "/api/v1/runs").runs))


def started(found: ProjectCheck) -> list[tuple[str, str]]:
    return [(run.pipeline, run.ref) for run in found.started]


def reasons(found: ProjectCheck) -> dict[str, str]:
    return {one.pipeline: one.reason for one in found.not_started}


def test_a_push_starts_a_run_of_the_new_commit(watched: RunningServer, origin: Origin) -> None:
    sha = commit(origin, "Warm the pot\n\nFor guests.")
    assert started(check(watched)) == [("build", "refs/heads/main")]
    [run] = runs(watched)
    assert (run.sha, run.branch, run.tag, run.event, run.started_by) == (sha, "main", "", "push", "")
    assert (run.message, run.author, run.ref) == ("Warm the pot", "Ada", "main")
    watched.heartbeat(capabilities={"executor": "script", "shells": "posix"})
    assert watched.leased().script == "echo push main"


def test_a_push_right_after_the_import_starts_a_run(server: RunningServer, origin: Origin) -> None:
    import_project(server, origin.url)
    commit(origin, "fast")
    assert started(check(server)) == [("build", "refs/heads/main")]


def test_what_was_there_before_starts_nothing(server: RunningServer, origin: Origin) -> None:
    commit(origin, "old", branch="old")
    origin.tag("v1")
    import_project(server, origin.url)
    assert check(server).started == []
    assert runs(server) == []


def test_each_look_starts_what_is_new_since_the_one_before(watched: RunningServer, origin: Origin) -> None:
    commit(origin, "one")
    commit(origin, "tea", branch="feature/tea")
    assert sorted(started(check(watched))) == [("build", "refs/heads/feature/tea"), ("build", "refs/heads/main")]
    assert check(watched) == ProjectCheck(project="shop", looked_utc=watched.clock())
    watched.restart()
    assert check(watched).changed == 0


def test_fifty_commits_are_one_run_of_the_newest(watched: RunningServer, origin: Origin) -> None:
    for number in range(50):
        make_repository(origin.work, {"number": str(number)})
    sha = origin.push()
    assert started(check(watched)) == [("build", "refs/heads/main")]
    assert [run.sha for run in runs(watched)] == [sha]


def test_the_file_of_the_commit_decides(watched: RunningServer, origin: Origin) -> None:
    """Also on a branch that the project does not follow; its view stays as it is then."""
    origin.commit({"cictl.yaml": project_file("other, on: {push: {}}")}, branch="feature")
    assert started(check(watched)) == [("other", "refs/heads/feature")]
    project = watched.get("/api/v1/projects/1").json["project"]
    assert [pipeline["pipeline_id"] for pipeline in project["pipelines"]] == ["build"]


def test_the_view_follows_the_tracked_branch(watched: RunningServer, origin: Origin) -> None:
    sha = origin.commit({"cictl.yaml": project_file("quick", "build, on: {push: {}}")})
    found = check(watched)
    assert (started(found), reasons(found)) == (
        [("build", "refs/heads/main")],
        {"quick": "only people start it: it has neither `on` nor `trigger: vcs`"},
    )
    project = watched.get("/api/v1/projects/1").json["project"]
    assert project["loaded_commit"] == sha
    assert [pipeline["pipeline_id"] for pipeline in project["pipelines"]] == ["build", "quick"]


def test_a_renamed_default_branch_is_followed(watched: RunningServer, origin: Origin) -> None:
    git(origin.path, "branch", "-m", "main", "trunk")
    origin.commit({"cictl.yaml": project_file("build, trigger: vcs")}, branch="trunk")
    assert started(check(watched)) == [("build", "refs/heads/trunk")]
    assert watched.get("/api/v1/projects/1").json["project"]["repo_ref"] == "trunk"


@pytest.mark.parametrize("text", ["version: 1\nproject: [", project_file("build, on: {push: {}}, depends_on: [gone]")])
def test_a_broken_file_makes_a_failed_run_without_jobs(watched: RunningServer, origin: Origin, text: str) -> None:
    sha = origin.commit({"cictl.yaml": text})
    [found] = check(watched).started
    run = watched.read(Run, f"/api/v1/runs/{found.run_number}")
    assert (run.status, run.sha, run.pipeline, run.jobs, run.error) == ("failed", sha, "", [], found.error)
    assert "cictl.yaml" in run.error or "gone" in run.error
    project = watched.get("/api/v1/projects/1").json["project"]
    assert [pipeline["pipeline_id"] for pipeline in project["pipelines"]] == ["build"]
    origin.commit({"cictl.yaml": EVERY_BRANCH})
    assert started(check(watched)) == [("build", "refs/heads/main")]


def test_a_broken_file_fails_nothing_where_no_pipeline_starts_by_itself(server: RunningServer, origin: Origin) -> None:
    origin.commit({"cictl.yaml": project_file("build")})
    import_project(server, origin.url)
    check(server)
    origin.commit({"cictl.yaml": "version: 1\nproject: ["})
    [nothing] = check(server).not_started
    assert nothing.reason.startswith("no pipeline as loaded last starts by it, and its file is broken: parse YAML")
    assert runs(server) == []


def test_a_run_that_cannot_be_planned_fails_with_the_reason(watched: RunningServer, origin: Origin) -> None:
    origin.commit(
        {"cictl.yaml": project_file("build, inputs: {level: {required: true}}, on: {push: {}}", "b, on: {push: {}}")}
    )
    assert started(check(watched)) == [("b", "refs/heads/main"), ("build", "refs/heads/main")]
    failed = next(run for run in runs(watched) if run.pipeline == "build")
    assert failed.status == "failed"
    assert "level" in failed.error


def test_a_commit_without_project_file_starts_nothing(watched: RunningServer, origin: Origin) -> None:
    git(origin.work, "rm", "-q", "cictl.yaml")
    commit(origin, "no file", branch="pages")
    [nothing] = check(watched).not_started
    assert nothing.reason == 'repo is not a valid cictl project: missing root file "cictl.yaml"'


@pytest.mark.parametrize("message", ["Steep [skip ci]", "Steep\n\n[CI skip] for now"])
def test_skip_ci(watched: RunningServer, origin: Origin, message: str) -> None:
    commit(origin, message, files={"cictl.yaml": project_file("build, on: {push: {}}", "more")})
    found = check(watched)
    assert (found.started, reasons(found)) == ([], {"": "the message of its commit says [skip ci]"})
    assert len(watched.get("/api/v1/projects/1").json["project"]["pipelines"]) == 2


def test_a_tag_is_a_run_of_its_commit(watched: RunningServer, origin: Origin) -> None:
    sha = origin.commit({"cictl.yaml": project_file("ship, on: {push: {tags: ['v*']}}")})
    check(watched)
    origin.tag("v1")
    assert started(check(watched)) == [("ship", "refs/tags/v1")]
    [run] = runs(watched)
    assert (run.sha, run.branch, run.tag) == (sha, "", "v1")


def test_paths_are_those_between_the_two_commits(watched: RunningServer, origin: Origin) -> None:
    origin.commit({"cictl.yaml": project_file("build, on: {push: {paths: ['src/**']}}")})
    check(watched)
    make_repository(origin.work, {"src/pot.c": "x"})
    commit(origin, "docs", files={"README": "x"})
    assert started(check(watched)) == [("build", "refs/heads/main")]
    commit(origin, "docs", files={"README": "y"})
    assert reasons(check(watched)) == {"build": "`on.push.paths` takes none of the changed files"}


def test_paths_of_a_new_branch_are_those_since_it_left_the_default_branch(
    watched: RunningServer, origin: Origin
) -> None:
    origin.commit({"cictl.yaml": project_file("build, on: {push: {paths: ['src/**']}}")})
    commit(origin, "docs", branch="docs", files={"README": "x"})
    git(origin.work, "checkout", "-q", "main")
    commit(origin, "later", files={"src/pot.c": "x"})
    found = check(watched)
    assert started(found) == [("build", "refs/heads/main")]
    assert [(one.ref, one.reason) for one in found.not_started] == [
        ("refs/heads/docs", "`on.push.paths` takes none of the changed files")
    ]
    git(origin.work, "checkout", "-q", "--orphan", "fresh")
    commit(origin, "no base", branch="fresh")
    assert started(check(watched)) == [("build", "refs/heads/fresh")]


def test_a_forced_push_is_one_more_push(watched: RunningServer, origin: Origin) -> None:
    sha = commit(origin, "first")
    check(watched)
    git(origin.work, "reset", "-q", "--hard", "HEAD~1")
    other = commit(origin, "instead")
    git(origin.path, "reflog", "expire", "--expire=now", "--all")
    git(origin.path, "gc", "-q", "--prune=now")
    assert started(check(watched)) == [("build", "refs/heads/main")]
    assert [run.sha for run in runs(watched)] == [sha, other]


def test_a_branch_that_comes_back_starts_again(watched: RunningServer, origin: Origin) -> None:
    commit(origin, "tea", branch="tea")
    check(watched)
    git(origin.path, "branch", "-D", "tea")
    assert (check(watched).changed, check(watched).changed) == (1, 0)
    origin.push("tea")
    assert started(check(watched)) == [("build", "refs/heads/tea")]


def test_a_pipeline_waits_for_what_it_depends_on(watched: RunningServer, origin: Origin) -> None:
    origin.commit({"cictl.yaml": project_file("build, on: {push: {}}", "ship, depends_on: [build], on: {push: {}}")})
    found = check(watched)
    assert started(found) == [("build", "refs/heads/main")]
    assert reasons(found) == {"ship": 'pipeline "ship" dependency "build" not satisfied: no previous run found'}
    finish_everything(watched)
    commit(origin, "again")
    assert len(check(watched).started) == 2


def test_two_looks_at_once_start_one_run(watched: RunningServer, origin: Origin) -> None:
    commit(origin, "one")
    begin, found = Barrier(2), list[ProjectCheck]()

    def look() -> None:
        begin.wait(60)
        found.append(watched.services.triggers.checks.check(1))

    threads = [Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.pipeline for one in found for run in one.started] == ["build"]
    assert len(runs(watched)) == 1


def test_a_server_that_dies_before_a_run_is_stored_starts_it_later(
    watched: RunningServer, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(origin, "one")

    def fail(*_: object) -> Any:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(type(watched.services.pipelines.runs), "put", fail)
        with pytest.raises(RuntimeError):
            watched.services.triggers.checks.check(1)
    watched.restart()
    assert started(check(watched)) == [("build", "refs/heads/main")]


def test_a_look_that_fails_is_told_and_made_up_for(watched: RunningServer, origin: Origin) -> None:
    commit(origin, "one")
    origin.hide()
    answer = watched.post("/api/v1/projects/1/check")
    assert answer.status_code == 400
    assert watched.get("/api/v1/projects/1").json["project"]["look_error"] == answer.text.strip()
    origin.path.with_name("hidden").rename(origin.path)
    assert len(check(watched).started) == 1
    assert "look_error" not in watched.get("/api/v1/projects/1").json["project"]


def test_another_repository_begins_anew(watched: RunningServer, origin: Origin, tmp_path: Path) -> None:
    other = Origin(tmp_path / "other")
    other.commit({"cictl.yaml": EVERY_BRANCH}, branch="old")
    other.commit({"cictl.yaml": EVERY_BRANCH})
    import_project(watched, other.url, replace_id=1)
    assert check(watched).started == []
    commit(other, "new", branch="new")
    assert started(check(watched)) == [("build", "refs/heads/new")]


def test_a_deleted_project_leaves_nothing_behind(watched: RunningServer) -> None:
    watched.http.simulate_delete("/api/v1/projects/1")
    assert [row["key"] for row in watched.content()["settings"] if row["key"].startswith("seen_refs")] == []


def test_the_audit_tells_what_the_server_started(watched: RunningServer, origin: Origin) -> None:
    commit(origin, "one")
    check(watched)
    [record] = watched.audit(action="run.started")
    assert (record.actor.kind, [(target.kind, target.name) for target in record.targets]) == (
        "system",
        [("project", "shop"), ("run", "shop/build")],
    )


def test_how_often_a_project_is_looked_at(watched: RunningServer) -> None:
    change = watched.post("/api/v1/projects/1/settings", {"poll_seconds": 300})
    assert change.json["poll_seconds"] == 300
    check(watched)
    due = watched.get("/api/v1/projects/1").json["project"]["next_look_utc"]
    watched.clock.step(300)
    assert due == watched.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert watched.post("/api/v1/projects/1/settings", {"poll_seconds": 0}).status_code == 200
    check(watched)
    assert "next_look_utc" not in watched.get("/api/v1/projects/1").json["project"]
    refused = watched.post("/api/v1/projects/1/settings", {"poll_seconds": 86401})
    assert (refused.status_code, refused.text) == (400, "poll_seconds must be -1 to 86400\n")


def test_events_tell_of_what_a_look_found(watched: RunningServer, origin: Origin) -> None:
    last = watched.services.core.signals.feed.last_number()
    check(watched)
    commit(origin, "tea", branch="tea")
    check(watched)
    events = watched.services.core.signals.feed.after(last) or []
    assert [event.subject for event in events if event.kind == "project"] == ["1"]
