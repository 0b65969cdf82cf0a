"""git as a child process with limits, and remotes that mean harm or nothing at all."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.server import RunningServer
from cictl_testing.servers.answers import AnsweringServer, Reply
from msgspec.structs import replace

from cictl_server.errors import GitFailed
from cictl_server.services.core.scratch import Scratch
from cictl_server.services.projects.git_places import GitPlaces
from cictl_server.services.projects.remotes import Remotes
from cictl_server.store.contract import Transaction

PROJECT = "version: 1\nproject: {name: large}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: make}]}]}]\n"


@pytest.fixture
def remotes(tmp_path: Path) -> Remotes:
    return Remotes(places=GitPlaces(), scratch=Scratch(tmp_path / "scratch"))


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a remote that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"git://127.0.0.1:{listener.getsockname()[1]}/x"


def large_repository(path: Path, *, files: int) -> Path:
    """Make a repository with this many files, and a project file among them, in one stream to git."""
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    project = PROJECT.encode()
    stream = b"blob\nmark :1\ndata 2\nx\n\nblob\nmark :2\ndata %d\n%s\n" % (len(project), project)
    stream += b"commit refs/heads/main\ncommitter t <t@localhost> 0 +0000\ndata 1\nc\nM 100644 :2 cictl.yaml\n"
    stream += b"".join(b"M 100644 :1 src/d%d/file%d.txt\n" % (n % 100, n) for n in range(files))
    subprocess.run(["git", "-C", str(path), "fast-import", "--quiet"], input=stream, check=True)
    return path


def test_git_and_what_it_starts_know_nothing_of_the_servers_own(
    remotes: Remotes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ("CICTL_STORE", "CICTL_SECRETS_KEY", "CIWI_GITHUB_TOKEN", "PGPASSWORD", "PGHOST", "AWS_SECRET_ACCESS_KEY")
    for name in (*own, "OF_THE_MACHINE"):
        monkeypatch.setenv(name, "secret-of-the-server")
    seen = tmp_path / "seen"
    monkeypatch.setenv("GIT_SSH_COMMAND", f"env > {seen}; false")
    with pytest.raises(GitFailed), remotes.fetched("ssh://git@127.0.0.1/x", "main"):
        pass
    names = {line.partition("=")[0] for line in seen.read_text().splitlines() if "secret-of-the-server" in line}
    assert names == {"OF_THE_MACHINE"}


def test_a_repository_of_ten_thousand_files(server: RunningServer, tmp_path: Path) -> None:
    repository = large_repository(tmp_path / "large", files=10_000)
    answer = server.post("/api/v1/projects/import", {"repo_url": str(repository)})
    assert (answer.status_code, answer.json["project_name"]) == (201, "large")


def test_only_files_that_are_read_are_fetched(remotes: Remotes, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r", {"cictl.yaml": PROJECT, "large": "x" * 100, "d/other": "y"})
    with remotes.fetched(str(repository), "main") as tree:
        assert tree.show("cictl.yaml").decode() == PROJECT
        listed = tree.git.run("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)", seconds=30)
    assert listed.split().count(b"blob") == 1


def test_a_file_is_measured_before_it_is_read(server: RunningServer, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r", {"cictl.yaml": PROJECT + "#" * (1 << 20)})
    answer = server.post("/api/v1/projects/import", {"repo_url": str(repository)})
    assert answer.status_code == 400
    assert answer.text.startswith(
        f'repo is not a valid cictl project: "cictl.yaml" has {len(PROJECT) + (1 << 20)} bytes'
    )


def test_what_a_remote_may_send_is_limited(remotes: Remotes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cictl_server.services.projects.git.LARGEST_FETCH", 4096)
    repository = make_repository(tmp_path / "r", {f"{n}{'x' * 200}": str(n) for n in range(200)})
    with (
        pytest.raises(GitFailed, match="sent more than 0 MiB for one commit"),
        remotes.fetched(str(repository), "main"),
    ):
        pass


def test_a_remote_that_never_answers_is_given_up(remotes: Remotes, silent: str) -> None:
    said = r"can't be reached$"
    with pytest.raises(GitFailed, match=said), remotes.fetched(silent, "", question_seconds=0.5):
        pass
    with pytest.raises(GitFailed, match=said):
        remotes.list_branches(silent, seconds=0.5)


def test_the_end_of_git_after_its_caller_has_gone_is_no_answer(server: RunningServer, silent: str) -> None:
    """The caller may come again with the same `Idempotency-Key`: an answer below 500 would be given again."""
    gone = {"waitress.client_disconnected": lambda: True}
    answer = server.post("/api/v1/projects/import", {"repo_url": silent}, extras=gone)
    assert answer.status_code == 503


@pytest.mark.parametrize("scheme", ["git", "http", "ssh"])
def test_a_remote_that_nobody_serves_is_told_at_once(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str
) -> None:
    refused = tmp_path / "ssh"
    refused.write_text("#!/bin/sh\necho 'ssh: connect to host x port 1: Connection refused' >&2\nexit 255\n")
    refused.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(refused))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"{scheme}://127.0.0.1:{port}/x"
    answer = server.post("/api/v1/projects/import", {"repo_url": url})
    assert answer.status_code == 400
    assert answer.text == f"git fetch failed: {url} can't be reached\n"
    assert server.get("/api/v1/projects").json == {"projects": []}


@pytest.fixture
def closed() -> str:
    """A port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def web() -> Iterator[AnsweringServer]:
    """A web server that knows nothing of git."""
    server = AnsweringServer()
    server.start()
    server.on("GET /x/info/refs", Reply((b"<html>inside</html>",), kind="text/html"))
    server.on("GET /broken/info/refs", Reply(status=502))
    yield server
    server.close()


def test_a_caller_can_not_look_around_in_the_servers_network(
    remotes: Remotes, silent: str, closed: str, web: AnsweringServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An open port, a closed one, a silent one, a web server and a host that is none look the same, and only the log tells."""
    inside = web.url.removeprefix("http://")
    urls = [
        silent,
        f"http://{closed}/x",
        f"git://{closed}/x",
        f"ssh://{closed}/x",
        "http://no-such-host.invalid/x",
        "git://no-such-host.invalid/x",
        "ssh://no-such-host.invalid/x",
        f"http://{inside}/x",
        f"http://{inside}/broken",
        f"https://{inside}/x",
        f"git://{inside}/x",
        f"ssh://{inside}/x",
    ]
    told = {
        (str(error).replace(url, "URL"), error.hint.replace(url, "URL").partition("; over HTTP")[0])
        for ask in (remotes.list_branches, lambda url, seconds: remotes.resolve(url, "main", seconds=seconds))
        for url, error in failures(ask, urls)
    }
    why = "`git ls-remote URL` on the server's machine says why, as does the server's log"
    assert told == {("URL can't be reached", why)}
    for reason in ("took longer", "connect to", "resolve host", "502"):
        assert reason in caplog.text


def test_a_caller_can_not_look_around_on_the_servers_disk(remotes: Remotes, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no repository")
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.git").mkdir(mode=0)
    places = [str(tmp_path / name) for name in ("none", "file", "folder", "mine.git", "file/below")]
    urls = [*places, *(f"file://{place}" for place in places), "/etc/shadow"]
    told = {(str(error).replace(url, "URL"), error.hint) for url, error in failures(remotes.list_branches, urls)}
    text = "URL is no git repository that the server's user may read"
    assert told == {(text, "check the URL; a path is looked up on the server's machine")}


def failures(ask: Callable[..., object], urls: list[str]) -> Iterator[tuple[str, GitFailed]]:
    for url in urls:
        with pytest.raises(GitFailed) as caught:
            ask(url, seconds=30.0 if url.startswith("http") else 1.0)
        yield url, caught.value


def test_a_remote_can_not_make_recipes_of_its_branches(remotes: Remotes, web: AnsweringServer) -> None:
    commit = "1" * 40
    lines = [
        "# service=git-upload-pack\n",
        "",
        f"{commit} HEAD\0symref=HEAD:refs/heads/+main\n",
        *(f"{commit} refs/heads/{name}\n" for name in ("main", "+main", "-main", "a:b", "*")),
        "",
    ]
    kind = "application/x-git-upload-pack-advertisement"
    body = "".join(f"{len(line) + 4:04x}{line}" if line else "0000" for line in lines)
    web.on("GET /evil/info/refs", Reply((body.encode(),), kind=kind))
    with pytest.raises(GitFailed, match="has a name that no branch can have"):
        remotes.resolve(f"{web.url}/evil", "")
    assert remotes.list_branches(f"{web.url}/evil") == ["main"]
    assert web.count("POST /evil/git-upload-pack") == 0


RECIPE = "+refs/*:refs/*"


def test_a_recipe_that_an_older_version_stored_never_reaches_git(server: RunningServer, tmp_path: Path) -> None:
    """What has been stored before its rule, or by a backup from elsewhere, is checked when it is used."""
    text = PROJECT.replace("id: p,", "id: p, vcs_source: {repo: self},")
    repository = make_repository(tmp_path / "r", {"cictl.yaml": text})
    server.post("/api/v1/projects/import", {"repo_url": str(repository), "repo_ref": "main"})

    def change(tx: Transaction) -> None:
        [project], [pipeline] = tx.projects.iter_all(), tx.pipelines.of_project(1)
        source = pipeline.definition.vcs_source
        assert source is not None
        spoilt = replace(pipeline.definition, vcs_source=replace(source, ref=RECIPE))
        tx.projects.put(replace(project, repo_ref=RECIPE))
        tx.pipelines.put(replace(pipeline, definition=spoilt))

    server.store.write(change)
    answers = [
        server.post("/api/v1/projects/1/reload"),
        server.post("/api/v1/pipelines/1/run-selection", {}),
        server.post("/api/v1/pipelines/1/dry-run-preview", {}),
        server.post("/api/v1/pipelines/1/dry-run-preview", {"offline_cached_only": True}),
        server.post("/api/v1/pipelines/1/run-selection", {"source_ref": RECIPE}),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert {answer.text.partition(" ")[2] for answer in answers} == {
        f'"{RECIPE}" is no name that a branch, tag or commit can have\n'
    }


@pytest.mark.parametrize(
    "ref", ["+refs/*:refs/*", "a:b", "main~1", "a..b", "a b", "x.lock", "/main", "@", "^main", "ma*n", "HEAD@{1}"]
)
def test_a_ref_is_a_name_and_no_recipe(server: RunningServer, tmp_path: Path, ref: str) -> None:
    repository = make_repository(tmp_path / "r", {"cictl.yaml": PROJECT})
    answer = server.post("/api/v1/projects/import", {"repo_url": str(repository), "repo_ref": ref})
    assert answer.status_code == 400
    assert answer.text == f'repo_ref "{ref}" is no name that a branch, tag or commit can have\n'


def test_a_tag_wins_over_a_branch_as_in_git(remotes: Remotes, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r", {"f": "1"})
    git(repository, "tag", "both")
    make_repository(repository, {"f": "2"})
    git(repository, "branch", "both")
    tag, branch = git(repository, "rev-parse", "refs/tags/both"), git(repository, "rev-parse", "refs/heads/both")
    assert remotes.resolve(str(repository), "both").commit == tag
    found = remotes.resolve(str(repository), "heads/both")
    assert (found.commit, found.branch) == (branch, "both")


def test_a_short_commit_counts_if_it_is_the_only_one(remotes: Remotes, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "r", {"f": "0"})
    commits = [git(repository, "rev-parse", "HEAD")]
    while len(commits) < 3 or commits[0][:4] in {commit[:4] for commit in commits[1:]}:
        make_repository(repository, {"f": str(len(commits))})
        commits.append(git(repository, "rev-parse", "HEAD"))
    assert remotes.resolve(str(repository), commits[0][:7]).commit == commits[0]
    with pytest.raises(GitFailed, match="couldn't find remote ref"):
        remotes.resolve(str(repository), ("0" if commits[0][0] != "0" else "1") * 39)


def test_two_commits_with_one_beginning(remotes: Remotes, tmp_path: Path) -> None:
    """Commits are made in one stream, until two begin alike."""
    path = tmp_path / "r"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    one = b"commit refs/heads/main\ncommitter t <t@localhost> %d +0000\ndata 1\nc\n"
    stream = b"".join(one % n for n in range(2000))
    subprocess.run(["git", "-C", str(path), "fast-import", "--quiet"], input=stream, check=True)
    begins = [commit[:4] for commit in git(path, "rev-list", "main").split()]
    twice = next(begin for begin in begins if begins.count(begin) > 1)
    with pytest.raises(GitFailed, match="several commits begin with"):
        remotes.resolve(str(path), twice)
