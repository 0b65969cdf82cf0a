"""git as a bounded child process: no options from outside, no prompts, no helpers, limits on time.

Nothing that comes from a user is ever read as an option: names that begin with `-` are refused, and `--` or
`--end-of-options` stands before the rest.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cictl_server.errors import GitFailed, InvalidRequest

_SAFE = (
    "-c", "protocol.ext.allow=never",
    "-c", "core.hooksPath=/dev/null",
    "-c", "credential.interactive=false",
    "-c", "fetch.fsckObjects=false",
    "-c", "gc.auto=0",
)  # fmt: skip
_LONGEST_ARGUMENT = 4096
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")


def is_available() -> bool:
    """Whether git is on the server's PATH."""
    return shutil.which("git") is not None


def is_commit(ref: str) -> bool:
    """Whether *ref* is a full commit id."""
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
    """Replace user info in URLs, so that it never reaches an answer or a log."""
    return _CREDENTIALS.sub("***@", text)


@dataclass(frozen=True, kw_only=True)
class Fetched:
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


class Git:
    """Runs git in one directory until a common deadline."""

    def __init__(self, directory: Path, *, seconds: float) -> None:
        self._directory = directory
        self._deadline = time.monotonic() + seconds

    def run(self, *arguments: str) -> bytes:
        """Return git's standard output.

        Raises:
            GitFailed: It failed, or the time was up; the text is git's own.
        """
        return _run([*_SAFE, "-C", str(self._directory), *arguments], seconds=self._deadline - time.monotonic())


@contextmanager
def fetched(repo: str, ref: str, *, seconds: float = 120) -> Iterator[Fetched]:
    """Fetch one commit of *repo* into a temporary bare repository.

    Args:
        ref: Branch, tag, full ref name or commit; empty for the remote's default branch.
        seconds: Limit for everything that is done with the result.

    Raises:
        GitFailed: The repository or the ref can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="cictl-git-") as directory:
        git = Git(Path(directory), seconds=seconds)
        git.run("init", "-q", "--bare")
        try:
            git.run("fetch", "-q", "--depth", "1", "--no-tags", "--end-of-options", repo, ref or "HEAD")
        except GitFailed as error:
            raise GitFailed(f"git fetch failed: {error}", hint=_fetch_hint(str(error), repo=repo, ref=ref)) from error
        commit = git.run("rev-parse", "--verify", "-q", "FETCH_HEAD^{commit}").decode().strip()
        yield Fetched(git=git, commit=commit)


def default_branch(repo: str, *, seconds: float = 20) -> str:
    """Return the name of the remote's default branch, empty when it can't be told."""
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


def _run(arguments: list[str], *, seconds: float) -> bytes:
    if not is_available():
        raise GitFailed("git not found on server", hint="install git on the server's machine")
    with subprocess.Popen(
        ["git", *arguments],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            stdout, stderr = child.communicate(timeout=max(0.0, seconds))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise GitFailed("git took too long", hint="check that the remote can be reached from the server") from None
    if child.returncode == 0:
        return stdout
    detail = mask_credentials(stderr.decode(errors="replace").strip()) or "git said nothing"
    raise GitFailed(f"exit status {child.returncode}\n{detail}")


def _environment() -> dict[str, str]:
    return {
        **os.environ,
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
