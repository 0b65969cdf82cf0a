"""Checking out a job's source with git, which runs so that it can't prompt, hang, or take a ref for an option."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cictl.base.git_settings import with_settings
from cictl.base.names.git_names import ref_fault, repository_fault
from cictl.base.urls import without_user_info
from cictl.wire.jobs import Cause, Source
from cictl_agent.job.failures import JobFailed
from cictl_agent.job.submodules import PROTOCOLS, rewrites
from cictl_agent.log.spool import JobLog
from cictl_agent.retries import persist
from cictl_agent.system.commands import CommandTimedOut, Exit, run_command
from cictl_agent.system.interruption import Interruption
from cictl_agent.system.processes import Processes
from cictl_agent.system.trees import remove_tree
from cictl_client import ApiError

_TRIES = 3
_LIMIT_SECONDS = 1800
_REMEMBERED_BYTES = 8192

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
_ALWAYS = ("-c", "protocol.ext.allow=never", "-c", "advice.detachedHead=false")
_IDENTITY = ("-c", "user.name=ciwi-agent", "-c", "user.email=ciwi-agent@local")
_ALL_TAGS = "+refs/tags/*:refs/tags/*"
_EVERYTHING = ("+refs/heads/*:refs/remotes/origin/*", _ALL_TAGS)
_OURS = "refs/cictl/source"
_ALL_HISTORY = "2147483647"  # git's documented "infinite" depth; --unshallow fails where nothing is shallow

_HOPELESS = (
    "authentication failed",
    "could not read username",
    "could not read password",
    "couldn't find remote ref",
    "does not appear to be a git repository",
    "does not exist",
    "invalid credentials",
    "not found",
    "permission denied",
    "returned error: 4",
)
_PASSING = (
    "connection refused",
    "connection reset",
    "connection timed out",
    "could not resolve host",
    "early eof",
    "empty reply from server",
    "failed to connect",
    "http/2 stream",
    "network is unreachable",
    "operation timed out",
    "operation too slow",
    "returned error: 5",
    "rpc failed",
    "ssl_read",
    "temporary failure in name resolution",
    "tls connection was non-properly terminated",
    "unexpected disconnect",
    "unexpected eof",
    "hung up unexpectedly",
)


@dataclass(kw_only=True)
class Checkout:
    """One checkout into `directory`, which must not exist yet.

    Attributes:
        fetch_worktree: Downloads the bundle of the working tree to a file, if the source is one.
        git_options: Options for every call of git on this system.
        retry_seconds: The wait before the second try; before the third it is twice as long.
    """

    source: Source
    directory: Path
    fetch_worktree: Callable[[Path], object]
    environment: Mapping[str, str]
    log: JobLog
    interruption: Interruption
    processes: Processes
    git_options: tuple[str, ...] = ()
    retry_seconds: float = 1.0

    def run(self) -> None:
        """Clone, check out the wanted branch, tag or commit, and what belongs to it.

        Raises:
            JobFailed: `checkout failed: …`, with git's exit code.
            Interrupted: The job was stopped.
        """
        repo, ref = self.source.repo.strip(), self.source.ref.strip()
        for what, fault in (("repository", repository_fault(repo)), ("ref", ref and ref_fault(ref))):
            if fault:
                raise JobFailed(f"checkout failed: the {what} {fault}")
        self.log.line(f"[checkout] repo={without_user_info(repo)} ref={ref or '(default branch)'}")
        if self.source.lfs:
            self._check_lfs()
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        if self.source.worktree:
            self._unpack_worktree(repo, ref)
        else:
            self._clone_remote(repo, ref)
        if self.source.submodules:
            self._check_out_submodules(repo)
        if self.source.lfs:
            self._fetch_lfs()

    def _clone_remote(self, repo: str, ref: str) -> None:
        self._clone(repo, has_ref=bool(ref))
        if ref and not self.source.tags and self._is_cloned(ref):
            self._must("checkout", "--quiet", "--force", "--detach", ref)
        elif ref:
            self._switch_to(ref)
        elif self.source.tags:
            self._fetching("fetch", "--quiet", *self._depth, "origin", _ALL_TAGS)

    def _unpack_worktree(self, repo: str, commit: str) -> None:
        """Check out the working tree that the server has: one commit of nobody, without a history. `origin` is the remote all the same."""
        bundle = self.directory.with_name(f"{self.directory.name}.bundle")
        self.log.line("[checkout] the working tree that was sent with the run")
        try:
            self._fetch(bundle)
            self._must("clone", "--quiet", *_IDENTITY, "--no-checkout", "--", str(bundle), str(self.directory))
        finally:
            bundle.unlink(missing_ok=True)
        self._must("checkout", "--quiet", "--force", "--detach", commit)
        self._must("remote", "set-url", "origin", repo)

    def _fetch(self, bundle: Path) -> None:
        try:
            persist(lambda: self.fetch_worktree(bundle), self.interruption)
        except ApiError as error:
            raise JobFailed(f"checkout failed: {error}") from error

    def _clone(self, repo: str, *, has_ref: bool) -> None:
        options = [*self._depth, *self._no_tags, *(("--no-checkout",) if has_ref else ())]
        self._fetching("clone", "--quiet", *_IDENTITY, *options, "--", _as_url(repo), str(self.directory))

    def _is_cloned(self, ref: str) -> bool:
        """Tell whether *ref* is a commit that a branch of the clone leads to, as far as that can be seen without git.

        Runs mostly build the newest commit of the default branch. The clone has that, so nothing needs to be fetched.
        """
        if not _COMMIT.fullmatch(ref):
            return False
        try:
            packed = (self.directory / ".git" / "packed-refs").read_text()
        except (OSError, ValueError):  # another format of refs than this one: then git finds out
            return False
        return re.search(rf"^{ref.lower()} refs/remotes/", packed, re.MULTILINE) is not None

    @property
    def _no_tags(self) -> tuple[str, ...]:
        return ("--no-tags",) if self.source.tags is False else ()

    @property
    def _deep(self) -> tuple[str, ...]:
        return ("--recursive",) if self.source.submodules == "recursive" else ()

    @property
    def _depth(self) -> tuple[str, ...]:
        return ("--depth", str(self.source.depth)) if self.source.depth > 0 else ()

    def _switch_to(self, ref: str) -> None:
        # With a name of our own for it, git also fetches the tags of what it fetches, which `git describe` needs.
        wanted = (f"+{ref}:{_OURS}", *((_ALL_TAGS,) if self.source.tags else ()))
        try:
            self._fetching("fetch", "--quiet", *self._depth, *self._no_tags, "--end-of-options", "origin", *wanted)
        except JobFailed:
            if not _COMMIT.fullmatch(ref):
                raise
            # A server may refuse to send a commit that no ref names. So fetch every branch and tag with its history, which
            # holds the commit unless it is gone.
            self._fetching("fetch", "--quiet", "--depth", _ALL_HISTORY, "--end-of-options", "origin", *_EVERYTHING)
            self._must("checkout", "--quiet", "--force", "--detach", ref)
            return
        self._must("checkout", "--quiet", "--force", "--detach", _OURS)

    def _check_out_submodules(self, repo: str) -> None:
        reached = with_settings({**self.environment, "GIT_ALLOW_PROTOCOL": PROTOCOLS}, rewrites(repo))
        self.log.line("[checkout] submodules")
        inner = replace(self, environment=reached)
        inner._fetching("submodule", "--quiet", "update", "--init", "--force", *self._deep, *self._depth)

    def _check_lfs(self) -> None:
        ended, _ = self._git(("lfs", "version"))
        if ended.code:
            raise JobFailed(
                "checkout failed: vcs_source.lfs is true, and git-lfs is not installed on this agent; "
                "install the package git-lfs there, or leave lfs out"
            )
        # So the files come all at once afterwards, and not one by one while git checks out.
        self.environment = {**self.environment, "GIT_LFS_SKIP_SMUDGE": "1"}

    def _fetch_lfs(self) -> None:
        self._must("lfs", "install", "--local", "--skip-repo")
        self._fetching("lfs", "pull")
        if self.source.submodules:
            self._must(
                "submodule", "--quiet", "foreach", *self._deep, "git lfs install --local --skip-repo && git lfs pull"
            )

    def _must(self, *arguments: str) -> None:
        ended, _ = self._git(arguments)
        if ended.code:
            raise _failed(arguments[0], ended)

    def _fetching(self, *arguments: str) -> None:
        """Run a git command that talks to the remote; repeat it when the network was at fault, not the request."""
        options: tuple[str, ...] = ()
        for attempt in range(1, _TRIES + 1):
            ended, output = self._git((*options, *arguments))
            if ended.code == 0:
                return
            if attempt == _TRIES or not _is_passing(output):
                raise _failed(arguments[0], ended)
            self.log.line(f"[git] {arguments[0]} failed ({ended.text}), trying again")
            self.interruption.wait(self.retry_seconds * attempt)
            self.interruption.check()
            if arguments[0] == "clone":
                remove_tree(self.directory)
            options = ("-c", "http.version=HTTP/1.1")
        raise AssertionError("unreachable")

    def _git(self, arguments: tuple[str, ...]) -> tuple[Exit, str]:
        """Run git, and return how it ended and the end of its output in lower case."""
        if shutil.which("git", path=self.environment.get("PATH")) is None:
            raise JobFailed("checkout failed: git not found on agent", cause=Cause.START_FAILED)
        remembered = bytearray()

        def sink(data: bytes) -> None:
            remembered.extend(data)
            del remembered[:-_REMEMBERED_BYTES]
            self.log.write(data)

        try:
            ended = run_command(
                ["git", *_ALWAYS, *self.git_options, *arguments],
                directory=self.directory if self.directory.is_dir() else self.directory.parent,
                environment={**self.environment, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "LC_ALL": "C"},
                sink=sink,
                interruption=self.interruption,
                processes=self.processes,
                limit_seconds=_LIMIT_SECONDS,
            )
        except CommandTimedOut as error:
            raise JobFailed(f"checkout failed: git: {error}") from error
        return ended, remembered.decode(errors="replace").lower()


def folder_of_source(directory: Path, path: str) -> Path:
    """Return where the source belongs, which is the job's *directory* or, with a *path*, a folder below it.

    Raises:
        JobFailed: The path leads out.
    """
    folder = Path(os.path.normpath(directory / path))
    if not folder.is_relative_to(directory):
        raise JobFailed(f"checkout failed: vcs_source.path {path!r} leads out of the directory of the job")
    return folder


def _failed(verb: str, ended: Exit) -> JobFailed:
    return JobFailed(f"checkout failed: git {verb}: {ended.text}", exit_code=ended.code)


def _is_passing(output: str) -> bool:
    return any(text in output for text in _PASSING) and not any(text in output for text in _HOPELESS)


def _as_url(repo: str) -> str:
    """Return a local path as a `file://` URL, and anything else as it is: git ignores `--depth` for plain paths."""
    path = Path(repo)
    try:
        return path.resolve().as_uri() if path.is_dir() else repo
    except OSError:
        return repo
