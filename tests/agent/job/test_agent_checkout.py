from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository

from cictl.wire.jobs import Source
from cictl_agent.job.checkout import Checkout
from cictl_agent.job.failures import JobFailed
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interrupted, Interruption, StopReason
from cictl_agent.system.processes import JobProcesses

CheckOut = Callable[..., Path]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository: `main` at its second commit, the tag `v1` at the first, and a branch `side`."""
    path = make_repository(tmp_path / "origin", {"f": "one"})
    git(path, "tag", "v1")
    make_repository(path, {"f": "two"})
    git(path, "checkout", "-q", "-b", "side")
    make_repository(path, {"f": "side"})
    git(path, "checkout", "-q", "main")
    return path


@pytest.fixture
def check_out(tmp_path: Path, log: JobLog, interruption: Interruption, processes: JobProcesses) -> CheckOut:
    """Return a verb that checks out a repository, and returns where."""

    def run(repo: object, ref: str = "") -> Path:
        checkout = Checkout(
            source=Source(repo=str(repo), ref=ref),
            directory=tmp_path / "src",
            fetch_worktree=lambda _file: None,
            environment=os.environ,
            log=log,
            interruption=interruption,
            processes=processes,
            retry_seconds=0.01,
        )
        checkout.run()
        return checkout.directory

    return run


def content(log: JobLog) -> str:
    return log.tail(1 << 20)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        pytest.param("", "two", id="default-branch"),
        pytest.param("main", "two", id="branch"),
        pytest.param("side", "side", id="other-branch"),
        pytest.param("v1", "one", id="tag"),
        pytest.param("refs/heads/side", "side", id="full-name"),
    ],
)
def test_named_refs(check_out: CheckOut, origin: Path, ref: str, expected: str) -> None:
    assert (check_out(origin, ref) / "f").read_text() == expected


@pytest.mark.parametrize("as_url", [False, True], ids=["path", "file-url"])
def test_commit_in_the_middle_of_history(check_out: CheckOut, origin: Path, as_url: bool) -> None:
    commit = git(origin, "rev-parse", "v1")
    directory = check_out(origin.as_uri() if as_url else origin, commit)
    assert git(directory, "rev-parse", "HEAD") == commit
    assert (directory / "f").read_text() == "one"


@pytest.mark.parametrize(("ref", "fetches"), [("main", 0), ("v1", 1), ("side", 1)])
def test_only_what_the_clone_lacks_is_fetched(
    check_out: CheckOut, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str, fetches: int
) -> None:
    commit = git(origin, "rev-parse", ref)
    git(origin, "tag", "there", commit)
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE", str(trace))
    directory = check_out(origin, commit)
    assert trace.read_text().count("built-in: git fetch") == fetches
    monkeypatch.delenv("GIT_TRACE")
    assert git(directory, "rev-parse", "HEAD") == commit
    assert "there" in git(directory, "tag", "--points-at", "HEAD").split()


def test_commit_that_the_remote_does_not_serve_by_name_is_found_in_the_whole_history(
    check_out: CheckOut, origin: Path, monkeypatch: pytest.MonkeyPatch, log: JobLog
) -> None:
    # Protocol 0, the one of old servers, refuses commits that no ref names.
    for number, (key, value) in enumerate([("protocol.version", "0")]):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    git(origin, "tag", "-d", "v1")
    commit = git(origin, "rev-parse", "main~1")
    assert git(check_out(origin, commit), "rev-parse", "HEAD") == commit
    assert "not our ref" in content(log) or "unadvertised object" in content(log)


def test_identity_is_set_in_the_repository_alone(check_out: CheckOut, origin: Path) -> None:
    directory = check_out(origin)
    assert git(directory, "config", "--local", "user.name") == "ciwi-agent"
    assert git(directory, "config", "--local", "user.email") == "ciwi-agent@local"


def test_local_path_is_cloned_shallow_without_a_warning(check_out: CheckOut, origin: Path, log: JobLog) -> None:
    directory = check_out(origin)
    assert git(directory, "rev-list", "--count", "HEAD") == "1"
    assert "warning" not in content(log)


def test_missing_ref_fails_with_gits_code_and_is_not_retried(check_out: CheckOut, origin: Path, log: JobLog) -> None:
    with pytest.raises(JobFailed, match=r"^checkout failed: git fetch: exit status 128$") as caught:
        check_out(origin, "no-such-branch")
    assert caught.value.exit_code == 128
    assert "trying again" not in content(log)


def test_missing_commit_fails(check_out: CheckOut, origin: Path) -> None:
    with pytest.raises(JobFailed, match=r"^checkout failed: git checkout"):
        check_out(origin, "0123456789" * 4)


def test_missing_repository_fails(check_out: CheckOut, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"^checkout failed: git clone: exit status 128$"):
        check_out(tmp_path / "nowhere")


@pytest.mark.weakness("A12.5a")
@pytest.mark.parametrize(
    ("repo", "ref"),
    [
        ("--upload-pack=touch pwned", ""),
        ("ext::touch pwned", ""),
        ("{origin}", "--upload-pack=touch pwned"),
        ("{origin}", "-b"),
        ("{origin}", "+refs/*:refs/*"),
        ("{origin}", "main:refs/heads/other"),
        ("{origin}", "main~1"),
    ],
)
def test_options_and_recipes_in_disguise_never_reach_git(
    check_out: CheckOut, origin: Path, repo: str, ref: str, log: JobLog
) -> None:
    with pytest.raises(JobFailed, match=r"^checkout failed: the re"):
        check_out(repo.format(origin=origin), ref)
    assert content(log) == ""


def test_command_transport_is_refused(check_out: CheckOut, tmp_path: Path) -> None:
    with pytest.raises(JobFailed):
        check_out(f"ext::sh -c 'touch {tmp_path}/pwned'")
    assert not (tmp_path / "pwned").exists()


def test_network_trouble_is_retried_twice(check_out: CheckOut, log: JobLog) -> None:
    with pytest.raises(JobFailed):
        check_out("http://127.0.0.1:9/r.git")
    assert content(log).count("trying again") == 2


@pytest.mark.weakness("A12.5a")
def test_credentials_do_not_show(check_out: CheckOut, log: JobLog) -> None:
    with pytest.raises(JobFailed):
        check_out("http://me:s3cret@127.0.0.1:9/r.git")
    assert "[checkout] repo=http://127.0.0.1:9/r.git" in content(log)


def test_checkout_can_be_interrupted(check_out: CheckOut, origin: Path, interruption: Interruption) -> None:
    interruption.give(StopReason.OVER)
    with pytest.raises(Interrupted):
        check_out(origin)
