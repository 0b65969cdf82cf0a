"""git as a bounded child process: no options from outside, no prompts, no helpers, limits on time.

git never takes a user's text for an option: `check_argument` refuses names that begin with `-`, and `--end-of-options`
stands before the others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cictl.base import children
from cictl.base.children import Stop
from cictl_server.errors import GitFailed, GitMissing, InvalidRequest

_SAFE = (
    "-c", "protocol.ext.allow=never",
    "-c", "core.hooksPath=/dev/null",
    "-c", "credential.interactive=false",
    "-c", "fetch.fsckObjects=false",
    "-c", "gc.auto=0",
)  # fmt: skip
_LONGEST_ARGUMENT = 4096
_LINK = "120000"
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")

# These tell git where to work. A server that was started from a git hook has them, and must not pass them on.
_PLACES = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"}
)

_PUBLIC_HOST = "https://github.com/"
_WITHOUT_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
_WANTS_LOGIN = ("authentication failed", "could not read username", "terminal prompts disabled")


def is_available() -> bool:
    """Tell whether git is on the server's PATH."""
    return shutil.which("git") is not None


def is_commit(ref: str) -> bool:
    """Tell whether *ref* is a full commit id."""
    return _COMMIT.fullmatch(ref) is not None


def check_argument(value: str, *, field: str) -> str:
    """Return *value* trimmed.

    Raises:
        InvalidRequest: git could take it for an option, or it holds characters that no URL or ref has.
    """
    trimmed = value.strip()
    if trimmed.startswith("-"):
        raise InvalidRequest(f'{field} must not begin with "-"')
    if len(trimmed) > _LONGEST_ARGUMENT:
        raise InvalidRequest(f"{field} is longer than {_LONGEST_ARGUMENT} characters")
    if any(ord(character) < 32 or ord(character) == 127 for character in trimmed):
        raise InvalidRequest(f"{field} must not contain control characters")
    return trimmed


def mask_credentials(text: str) -> str:
    """Replace user info in URLs, which must never reach an answer or a log."""
    return _CREDENTIALS.sub("***@", text)


@dataclass(frozen=True, kw_only=True)
class TreeFile:
    """A regular file of a commit; `size` in bytes."""

    path: str
    blob: str
    size: int


@dataclass(frozen=True, kw_only=True)
class FetchedCommit:
    """One commit of a remote, in a temporary repository."""

    git: Git
    commit: str

    def show(self, path: str) -> bytes:
        """Return a file of the commit, read from the object, never through the file system.

        Raises:
            GitFailed: The commit has no such file.
        """
        return self.git.run("cat-file", "blob", "--end-of-options", f"{self.commit}:{path}")

    def has(self, path: str) -> bool:
        with suppress(GitFailed):
            self.git.run("cat-file", "-e", "--end-of-options", f"{self.commit}:{path}")
            return True
        return False

    def files(self) -> Iterator[TreeFile]:
        """Yield the regular files of the commit, without links and submodules."""
        for entry in self.git.run("ls-tree", "-r", "-l", "-z", "--full-tree", self.commit).split(b"\0"):
            head, _, path = entry.partition(b"\t")
            match head.decode().split():
                case [mode, "blob", blob, size] if mode != _LINK:
                    yield TreeFile(path=path.decode(errors="replace"), blob=blob, size=int(size))

    def read(self, file: TreeFile) -> bytes:
        return self.git.run("cat-file", "blob", file.blob)


class Git:
    """Runs git in one directory until a common deadline."""

    def __init__(self, directory: Path, *, seconds: float, stop: Stop | None = None) -> None:
        self._directory = directory
        self._deadline = time.monotonic() + seconds
        self._stop = stop or Stop()

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> bytes:
        """Return git's standard output.

        Args:
            environment: Variables to add to the usual ones.

        Raises:
            GitFailed: It failed, was stopped, or took too long. The text of a failure is git's own.
        """
        return _run(
            [*_SAFE, "-C", str(self._directory), *arguments],
            seconds=self._deadline - time.monotonic(),
            stop=self._stop,
            environment={**_environment(), **(environment or {})},
        )


@contextmanager
def fetched(repo: str, ref: str, *, seconds: float = 120, stop: Stop | None = None) -> Iterator[FetchedCommit]:
    """Fetch one commit of *repo* into a temporary bare repository.

    Args:
        ref: Branch, tag, full ref name or commit; empty for the remote's default branch.
        seconds: Limit for the fetch and everything that is done with the result.
        stop: Ends it early, from another thread.

    Raises:
        GitFailed: The repository or the ref can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="cictl-git-") as directory:
        git = Git(Path(directory), seconds=seconds, stop=stop)
        git.run("init", "-q", "--bare")
        try:
            _fetch(git, repo, ref or "HEAD")
        except GitFailed as error:
            raise GitFailed(f"git fetch failed: {error}", hint=_fetch_hint(str(error), repo=repo, ref=ref)) from error
        commit = git.run("rev-parse", "--verify", "-q", "FETCH_HEAD^{commit}").decode().strip()
        yield FetchedCommit(git=git, commit=commit)


def _fetch(git: Git, repo: str, ref: str) -> None:
    """Fetch. From GitHub, try first without the host's git configuration: it may rewrite URLs to ssh, which needs a key."""
    arguments = ("fetch", "-q", "--depth", "1", "--no-tags", "--end-of-options", repo, ref)
    if repo.casefold().startswith(_PUBLIC_HOST):
        try:
            git.run(*arguments, environment=_WITHOUT_CONFIG)
        except GitFailed as error:
            if not any(words in str(error).casefold() for words in _WANTS_LOGIN):
                raise
        else:
            return
    git.run(*arguments)


def default_branch(repo: str, *, seconds: float = 20) -> str:
    """Return the name of the remote's default branch; empty when it is unknown."""
    with tempfile.TemporaryDirectory(prefix="cictl-git-") as directory, suppress(GitFailed):
        git = Git(Path(directory), seconds=seconds)
        for line in git.run("ls-remote", "--symref", "--end-of-options", repo, "HEAD").decode().splitlines():
            if line.startswith("ref: refs/heads/"):
                return line.removeprefix("ref: refs/heads/").split("\t")[0]
    return ""


def list_branches(repo: str, *, seconds: float = 20) -> list[str]:
    """Return the names of the remote's branches.

    Raises:
        GitFailed: The remote can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="cictl-git-") as directory:
        git = Git(Path(directory), seconds=seconds)
        lines = git.run("ls-remote", "--heads", "--end-of-options", repo).decode(errors="replace").splitlines()
    return [line.partition("\trefs/heads/")[2] for line in lines if "\trefs/heads/" in line]


def _run(arguments: list[str], *, seconds: float, stop: Stop, environment: Mapping[str, str]) -> bytes:
    if not is_available():
        raise GitMissing
    try:
        done = children.run(["git", *arguments], env=environment, seconds=seconds, stop=stop)
    except subprocess.TimeoutExpired:
        raise GitFailed("git took too long", hint="check that the remote can be reached from the server") from None
    if done.returncode == 0:
        return done.stdout
    detail = mask_credentials(done.stderr.decode(errors="replace").strip()) or "git said nothing"
    raise GitFailed(f"exit status {done.returncode}\n{detail}")


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _PLACES}
    return {
        **inherited,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=15"),
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def _fetch_hint(text: str, *, repo: str, ref: str) -> str:
    folded = text.casefold()
    if "couldn't find remote ref" in folded and ref:
        return f'the remote has no ref "{ref}"; `git ls-remote {mask_credentials(repo)}` shows what it has'
    if "does not appear to be a git repository" in folded or "repository not found" in folded:
        return "check the URL; a path is looked up on the server's machine"
    if "authentication failed" in folded or "could not read" in folded or "permission denied" in folded:
        return "give the server's user access: its git credential helper or ssh agent"
    return ""
