"""Runs and imports against real repositories, well-meant and not."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import falcon.testing
import pytest
from cictl_testing.files import git
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer
from msgspec.structs import replace

from cictl.project_file import VcsSource
from cictl.wire.jobs import JobExecution, Source
from cictl_agent.job.variables import OF_RUN
from cictl_server.store.contract import Transaction

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    vcs_source: {{repo: '{url}', ref: main}}
    versioning: {{file: {file}}}
    jobs: [{{id: a, steps: [{{run: "v={{{{ciwi.version}}}}"}}]}}, {{id: b, needs: [a], steps: [{{run: x}}]}}]
"""


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


def imported(server: RunningServer, origin: Origin, *, file: str = "VERSION", version: str = "1.4.2\n") -> int:
    origin.commit({"cictl.yaml": PROJECT.format(url=origin.url, file=file), "VERSION": version})
    return import_project(server, origin.url)["build"]


def run(server: RunningServer, pipeline: int, **fields: object) -> JobExecution:
    return server.job(server.run(pipeline, **fields)[0])


def attempt(server: RunningServer, pipeline: int, **fields: object) -> falcon.testing.Result:
    return server.post(f"/api/v1/pipelines/{pipeline}/run-selection", fields)


def test_a_forced_push_between_two_runs(server: RunningServer, origin: Origin) -> None:
    pipeline = imported(server, origin)
    before = run(server, pipeline).source
    git(origin.work, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "--amend", "-m", "rewritten")
    after = origin.push()
    assert before is not None
    assert before.ref != after
    jobs = [server.job(job_id).source for job_id in server.run(pipeline)]
    assert jobs == [Source(repo=origin.url, ref=after)] * 2


@pytest.mark.parametrize("ref", ["v9", "refs/tags/v9"])
def test_an_annotated_tag_as_override_means_its_commit(server: RunningServer, origin: Origin, ref: str) -> None:
    pipeline = imported(server, origin)
    commit = git(origin.work, "rev-parse", "HEAD")
    origin.tag("v9")
    origin.commit({"later": "x"})
    job = run(server, pipeline, source_ref=f" {ref} ")
    assert job.source == Source(repo=origin.url, ref=commit)
    assert job.metadata["pipeline_source_ref_raw"] == ref


def test_a_commit_as_override(server: RunningServer, origin: Origin) -> None:
    pipeline = imported(server, origin)
    commit = git(origin.work, "rev-parse", "HEAD")
    origin.commit({"later": "x"})
    assert run(server, pipeline, source_ref=commit).source == Source(repo=origin.url, ref=commit)


def test_an_empty_repository(server: RunningServer, origin: Origin) -> None:
    answer = server.post("/api/v1/projects/import", {"repo_url": origin.url})
    assert answer.status_code == 400
    assert answer.text == "git fetch failed: the remote has no default branch with a commit\n"


def test_the_variables_of_a_run_are_those_of_the_page(server: RunningServer, origin: Origin) -> None:
    env = run(server, imported(server, origin), dry_run=True).env
    names = {f"{prefix}{variable.name}" for variable in OF_RUN for prefix in ("CIWI_", "CICTL_")}
    assert env.keys() == {name for name in names if "_DEP_" not in name}


@pytest.mark.weakness("W32")
def test_a_remote_that_is_gone_leaves_ref_prefix_and_file(server: RunningServer, origin: Origin) -> None:
    pipeline = imported(server, origin)
    origin.hide()
    job = run(server, pipeline)
    assert (job.source, job.script) == (Source(repo=origin.url, ref="main"), "v={{ciwi.version}}")
    assert job.env["CIWI_PIPELINE_SOURCE_REF_RAW"] == "main"
    assert (job.env["CIWI_PIPELINE_TAG_PREFIX"], job.env["CIWI_PIPELINE_VERSION_FILE"]) == ("v", "VERSION")


def test_a_bad_version_leaves_the_commit(server: RunningServer, origin: Origin) -> None:
    job = run(server, imported(server, origin, version="one"))
    assert job.source == Source(repo=origin.url, ref=git(origin.work, "rev-parse", "HEAD"))
    assert "pipeline_version" not in job.metadata


@pytest.mark.parametrize("name", ["--output=owned", "-", "ver sion", "ve:rs"])
def test_a_version_file_with_a_name_that_git_could_mistake(server: RunningServer, origin: Origin, name: str) -> None:
    origin.commit({name: "3.2.1\n"})
    job = run(server, imported(server, origin, file=f"'{name}'"))
    assert job.script == "v=v3.2.1"


@pytest.mark.weakness("W33")
def test_a_linked_version_file_shows_nothing_of_the_server(
    server: RunningServer, origin: Origin, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("9.9.9\n")
    (origin.work / "LINK").symlink_to(tmp_path / "secret")
    job = run(server, imported(server, origin, file="LINK"))
    assert "9.9.9" not in job.script
    stream = server.get(f"/api/v1/pipelines/{imported(server, origin, file='LINK')}/version-resolve").text
    assert "9.9.9" not in stream


@pytest.mark.weakness("W8")
@pytest.mark.parametrize("where", ["repo_url", "repo_ref", "source_ref"])
def test_no_text_of_a_user_becomes_an_option(server: RunningServer, origin: Origin, tmp_path: Path, where: str) -> None:
    mark = tmp_path / "owned"
    evil = f"--upload-pack=touch {mark};"
    pipeline = imported(server, origin)
    if where == "source_ref":
        answer = attempt(server, pipeline, source_ref=evil)
    else:
        answer = server.post("/api/v1/projects/import", {"repo_url": origin.url, where: evil})
    assert (answer.status_code, answer.text) == (400, f'{where} must not begin with "-"\n')
    assert not mark.exists()


def test_a_submodule_with_a_command_runs_nothing(server: RunningServer, origin: Origin, tmp_path: Path) -> None:
    mark = tmp_path / "owned"
    modules = f'[submodule "m"]\n\tpath = m\n\turl = ext::sh -c "touch {mark}"\n\tupdate = !touch {mark}\n'
    imported(server, origin)
    commit = git(origin.work, "rev-parse", "HEAD")
    (origin.work / ".gitmodules").write_text(modules)
    git(origin.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},m")
    git(origin.work, "add", ".gitmodules")
    git(origin.work, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", "m")
    origin.push()
    assert run(server, import_project(server, origin.url)["build"]).script == "v=v1.4.2"
    assert not mark.exists()


def test_a_repository_url_with_a_command_runs_nothing(server: RunningServer, tmp_path: Path) -> None:
    """Today's rules refuse such a file; the store may have one from before."""
    mark = tmp_path / "owned"
    ids = server.define_project("pipelines: [{id: b, vcs_source: {repo: x}, jobs: [{id: j, steps: [{run: x}]}]}]")

    def change(tx: Transaction) -> None:
        record = tx.pipelines.find(ids["b"])
        assert record is not None
        evil = replace(record.definition, vcs_source=VcsSource(repo=f"ext::sh -c touch% {mark}"))
        tx.pipelines.put(replace(record, definition=evil))

    server.store.write(change)
    assert attempt(server, ids["b"], source_ref="main").status_code == 400
    assert server.get(f"/api/v1/pipelines/{ids['b']}/source-refs").status_code == 400
    assert not mark.exists()


@pytest.mark.weakness("W9")
def test_what_git_says_beside_is_no_part_of_the_file(
    server: RunningServer, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TRACE", "1")
    assert run(server, imported(server, origin)).script == "v=v1.4.2"


def test_the_place_of_another_repository_is_not_handed_on(
    server: RunningServer, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the server was started from a git hook: its fetches must not end up in that repository."""
    pipeline = imported(server, origin)
    place = tmp_path / "hook.git"
    monkeypatch.setenv("GIT_DIR", str(place))
    assert run(server, pipeline).script == "v=v1.4.2"
    assert not place.exists()


def test_a_server_without_git(server: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = server.post("/api/v1/projects/import", {"repo_url": "https://git.example.test/x.git"})
    assert (answer.status_code, answer.text) == (500, "git not found on server\n")


@pytest.mark.parametrize("path", ["dry-run-preview", "source-refs"])
def test_credentials_never_reach_an_error(server: RunningServer, path: str) -> None:
    url = "http://user:hunter2@127.0.0.1:1/x.git"
    ids = server.define_project(
        f"pipelines: [{{id: b, vcs_source: {{repo: '{url}'}}, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]"
    )
    target = f"/api/v1/pipelines/{ids['b']}/{path}"
    answer = server.get(target) if path == "source-refs" else server.post(target, {"source_ref": "main"})
    assert answer.status_code == 400
    assert "hunter2" not in answer.text


@pytest.fixture
def login_wall() -> Iterator[tuple[str, list[str]]]:
    """An HTTP server that wants a login for everything, and the paths that it was asked for."""
    asked: list[str] = []

    class WantsLogin(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WantsLogin) as wall:
        thread = threading.Thread(target=wall.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{wall.server_port}/", asked
        wall.shutdown()
        thread.join()


def test_the_hosts_rewriting_of_github_is_tried_second(
    server: RunningServer,
    origin: Origin,
    login_wall: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """First the public way, here a wall that wants a login; only then what the host's configuration makes of the URL."""
    imported(server, origin)
    public, asked = login_wall
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "{origin.url}"]\n\tinsteadOf = https://github.com/shop/shop.git\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{public}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    assert import_project(server, "https://github.com/shop/shop.git", repo_ref="main")["project"] == 2
    assert asked[0].startswith("/shop/shop.git/")


def test_jobs_with_caches_in_their_checkout_know_the_branch_of_their_file(
    server: RunningServer, origin: Origin
) -> None:
    jobs = "[{id: a, caches: [{id: pip, path: c, key: k}], steps: [{run: x}]}, {id: b, steps: [{run: x}]}]"
    pipeline = f"{{id: build, vcs_source: {{repo: '{origin.url}', ref: main}}, jobs: {jobs}}}"
    origin.commit({"cictl.yaml": f"version: 1\nproject: {{name: shop}}\npipelines: [{pipeline}]"})
    build = import_project(server, origin.url)["build"]
    git(origin.work, "push", "-q", "origin", "HEAD:feature")
    found = [server.job(job_id).metadata for job_id in server.run(build, source_ref="feature")]
    assert [(facts["pipeline_source_ref_raw"], facts.get("tracked_ref")) for facts in found] == [
        ("feature", "main"),
        ("feature", None),
    ]
