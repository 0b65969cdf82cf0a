"""How deep a checkout goes: history, tags, submodules, large files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.servers.git_server import LOGIN, GitServer

from cictl.wire.jobs import Source
from cictl_agent.job.checkout import Checkout, folder_of_source
from cictl_agent.job.failures import JobFailed
from cictl_agent.job.submodules import rewrites
from cictl_agent.log.spool import JobLog
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import JobProcesses

CheckOut = Callable[..., Path]

_ME = ("-c", "user.name=t", "-c", "user.email=t@localhost")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with three commits on `main`; the annotated tag `v1` is at the second, `v0` at the first."""
    path = make_repository(tmp_path / "origin", {"f": "one"})
    git(path, "tag", "v0")
    make_repository(path, {"f": "two"})
    git(path, *_ME, "tag", "-a", "v1", "-m", "v1")
    return make_repository(path, {"f": "three"})


@pytest.fixture
def check_out(tmp_path: Path, log: JobLog, interruption: Interruption, processes: JobProcesses) -> CheckOut:
    """Return a verb that checks out with options, and returns where."""

    def run(repo: object, ref: str = "", **options: object) -> Path:
        checkout = Checkout(
            source=Source(repo=str(repo), ref=ref, **options),  # type: ignore[arg-type]
            directory=tmp_path / "src",
            fetch_worktree=lambda _file: None,
            environment=dict(os.environ),
            log=log,
            interruption=interruption,
            processes=processes,
            retry_seconds=0.01,
        )
        checkout.run()
        return checkout.directory

    return run


def tags(directory: Path) -> set[str]:
    return set(git(directory, "tag").split())


def commits(directory: Path) -> int:
    return int(git(directory, "rev-list", "--count", "HEAD"))


class TestHistoryAndTags:
    @pytest.mark.parametrize("ref", ["v1", "refs/tags/v1", "commit"])
    def test_at_a_tag_git_describe_works(self, check_out: CheckOut, origin: Path, ref: str) -> None:
        directory = check_out(origin, git(origin, "rev-parse", "v1^{commit}") if ref == "commit" else ref)
        assert git(directory, "describe") == "v1"
        assert (commits(directory), tags(directory)) == (1, {"v1"})

    @pytest.mark.parametrize("ref", ["", "main"])
    def test_depth_counts_commits_and_0_means_all(self, check_out: CheckOut, origin: Path, ref: str) -> None:
        directory = check_out(origin, ref, depth=2)
        assert (commits(directory), tags(directory)) == (2, {"v1"})
        shutil.rmtree(directory)
        assert commits(check_out(origin, ref, depth=0)) == 3
        assert git(directory, "describe").startswith("v1-1-g")

    @pytest.mark.parametrize("ref", ["", "main"])
    def test_all_tags_or_none(self, check_out: CheckOut, origin: Path, ref: str) -> None:
        assert tags(check_out(origin, ref, tags=True)) == {"v0", "v1"}
        shutil.rmtree(origin.parent / "src")
        assert tags(check_out(origin, ref, tags=False, depth=0)) == set()


def add_submodule(path: Path, module: Path, url: str) -> None:
    """Commit in *path* that its directory of that name is the present commit of *module*, which is at *url*."""
    name, commit = module.name, git(module, "rev-parse", "HEAD")
    git(path, "config", "-f", ".gitmodules", f"submodule.{name}.path", name)
    git(path, "config", "-f", ".gitmodules", f"submodule.{name}.url", url)
    git(path, "add", ".gitmodules")
    git(path, "update-index", "--add", "--cacheinfo", f"160000,{commit},{name}")
    git(path, *_ME, "commit", "-q", "-m", name)


@dataclass
class Modules:
    """Repositories that contain each other, on a server that wants a login."""

    server: GitServer
    directory: Path

    def make(self, name: str, **modules: str) -> str:
        """Serve a repository whose submodules are at these URLs, and return its URL with the login."""
        path = make_repository(self.directory / name, {name: name})
        for module, url in modules.items():
            add_submodule(path, self.directory / module, url)
        self.server.publish(path, name)
        return f"{self.server.url_with_login}/{name}.git"


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Modules]:
    root = tmp_path / "served"
    root.mkdir()
    server = GitServer(root)
    yield Modules(server, tmp_path)
    server.close()


class TestSubmodules:
    def test_they_come_with_the_credentials_of_the_checkout(
        self, check_out: CheckOut, modules: Modules, log: JobLog
    ) -> None:
        modules.make("leaf")
        modules.make("relative", leaf="../leaf.git")
        modules.make("absolute")
        url = modules.make("main", relative="../relative.git", absolute=f"{modules.server.url}/absolute.git")
        directory = check_out(url, "main", submodules="recursive")
        assert (directory / "relative" / "leaf" / "leaf").read_text() == "leaf"
        assert (directory / "absolute" / "absolute").read_text() == "absolute"
        assert LOGIN not in log.tail(1 << 20)

    def test_true_stops_at_the_first_level_and_the_default_before_it(
        self, check_out: CheckOut, modules: Modules
    ) -> None:
        modules.make("leaf")
        modules.make("inner", leaf="../leaf.git")
        url = modules.make("main", inner="../inner.git")
        directory = check_out(url, "main")
        assert list((directory / "inner").iterdir()) == []
        shutil.rmtree(directory)
        check_out(url, "main", submodules="true")
        assert (directory / "inner" / "inner").exists()
        assert list((directory / "inner" / "leaf").iterdir()) == []

    def test_over_ssh_a_web_address_of_the_same_host_becomes_ssh(
        self, check_out: CheckOut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The stand-in for ssh runs what git wants to run on the other side, in the directory of the repositories."""
        ssh = tmp_path / "ssh"
        ssh.write_text(f'#!/bin/sh\ncd "{tmp_path}"\nfor last; do :; done\neval "$last"\n')
        ssh.chmod(0o755)
        monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
        lib = make_repository(tmp_path / "lib", {"lib": "lib"})
        main = make_repository(tmp_path / "main", {"f": "f"})
        add_submodule(main, lib, "https://git.example.test/lib")
        directory = check_out("git@git.example.test:main", "main", submodules="recursive")
        assert (directory / "lib" / "lib").read_text() == "lib"

    @pytest.mark.parametrize("url", ["{path}", "file://{path}", "ext::sh -c touch% {mark}"])
    def test_nothing_of_this_machine_is_reached(
        self, check_out: CheckOut, modules: Modules, tmp_path: Path, url: str
    ) -> None:
        mark = tmp_path / "owned"
        modules.make("leaf")
        main = modules.make("main", leaf=url.format(path=tmp_path / "leaf", mark=mark))
        with pytest.raises(JobFailed, match=r"^checkout failed: git submodule: exit status"):
            check_out(main, "main", submodules="recursive")
        assert not mark.exists()
        assert not (tmp_path / "src" / "leaf" / "leaf").exists()


@pytest.mark.parametrize(
    ("repo", "base", "names"),
    [
        pytest.param(
            "https://u:p@h.test:8443/a/b.git",
            "https://u:p@h.test:8443/",
            ["https://h.test:8443/", "ssh://git@h.test/", "ssh://h.test/", "git@h.test:"],
            id="https",
        ),
        pytest.param("http://u@h.test/a", "http://u@h.test/", ["http://h.test/"], id="never to plain http"),
        pytest.param(
            "ssh://git@h.test:22/a",
            "ssh://git@h.test:22/",
            ["https://h.test/", "ssh://git@h.test/", "ssh://h.test/", "git@h.test:"],
            id="ssh",
        ),
        pytest.param(
            "git@h.test:a/b",
            "git@h.test:",
            ["https://h.test/", "ssh://git@h.test/", "ssh://h.test/"],
            id="short ssh",
        ),
        pytest.param("/srv/a", "", [], id="path"),
        pytest.param("file:///srv/a", "", [], id="file"),
        pytest.param("C:\\a", "", [], id="drive"),
    ],
)
def test_names_of_the_host_of_a_checkout(repo: str, base: str, names: list[str]) -> None:
    assert rewrites(repo) == [(f"url.{base}.insteadOf", name) for name in names]


class TestLargeFiles:
    @pytest.fixture(autouse=True)
    def bin_dir(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """All that PATH leads to: git, and what its scripts need."""
        found = tmp_path / "bin"
        found.mkdir()
        for name in ("git", "sh"):
            program = shutil.which(name)
            assert program
            (found / name).symlink_to(program)
        monkeypatch.setenv("PATH", str(found))
        return found

    def test_without_git_lfs_the_failure_names_the_fix(self, check_out: CheckOut, origin: Path, tmp_path: Path) -> None:
        with pytest.raises(JobFailed, match="git-lfs is not installed on this agent; install the package git-lfs"):
            check_out(origin, "main", lfs=True)
        assert not (tmp_path / "src").exists()

    def test_git_lfs_brings_them_at_once(self, check_out: CheckOut, origin: Path, bin_dir: Path) -> None:
        program = bin_dir / "git-lfs"
        program.write_text('#!/bin/sh\necho "$GIT_LFS_SKIP_SMUDGE $*" >> called\n')
        program.chmod(0o755)
        directory = check_out(origin, "main", lfs=True)
        assert (directory / "called").read_text() == "1 install --local --skip-repo\n1 pull\n"


class TestPath:
    def test_a_path_is_a_folder_below_the_directory_of_the_job(self, tmp_path: Path) -> None:
        assert folder_of_source(tmp_path, "src/app") == tmp_path / "src" / "app"
        assert folder_of_source(tmp_path, "") == tmp_path

    @pytest.mark.parametrize("path", ["..", "a/../../b", "/etc"])
    def test_a_path_that_leads_out_is_refused(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(JobFailed, match="leads out of the directory of the job"):
            folder_of_source(tmp_path / "src", path)
