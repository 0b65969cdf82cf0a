"""git as a bounded child process: no options from outside, no prompts, no helpers, limits on time, memory and disk.

git never takes a user's text for an option: `check_repository` and `check_ref` refuse such names, and `--end-of-options`
stands before the others. What a remote sends is bounded by the kernel (`ulimit`), not by its good manners.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cictl.base.git_settings import with_settings
from cictl.base.names.git_names import PROTOCOLS, ref_fault, repository_fault
from cictl.base.system import children
from cictl.base.system.children import Stop
from cictl.base.system.environment import without_data_access, without_settings
from cictl.base.urls import without_login, without_user_infos
from cictl.redaction import Redactor, url_secrets
from cictl_server.errors import GitFailed, GitMissing, InvalidRequest

logger = logging.getLogger(__name__)

REMOTE = "source"
"""The name of the only remote of a temporary repository. Its URL is in git's environment, not on a command line that all see."""

_SAFE = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "credential.interactive=false",
    "-c", "fetch.fsckObjects=false",
    "-c", "fetch.unpackLimit=1",  # whatever comes is one file, so the limit on files is the limit on all of it
    "-c", "core.bigFileThreshold=4m",  # larger ones are streamed, not held in memory
    "-c", "core.deltaBaseCacheLimit=16m",
    "-c", "pack.threads=1",
    "-c", "gc.auto=0",
    "-c", "http.lowSpeedLimit=1000",
    "-c", "http.lowSpeedTime=30",
)  # fmt: skip

LARGEST_FETCH = 1 << 30
"""How many bytes one answer of a remote may have."""
_LARGEST_MEMORY = 384 << 20
"""How many bytes each process of git may have. A few bytes of a pack can stand for an object of any size, as deltas of a small
one, and git puts it together in memory."""
_LARGEST_OUTPUT = 32 << 20
_LARGEST_LIST = 8 << 20
"""How many bytes of refs a remote may list: about 100,000 branches."""
_BLOCK = 1 << 18
_MOST_COMPLAINT = 8192

# `ulimit -f` counts blocks of 512 bytes (POSIX), `-d` counts KiB. Where the server itself has a lower limit, that one stays.
_LIMITED = 'ulimit -f "$1" 2> /dev/null; ulimit -d "$2" 2> /dev/null; shift 2; exec git "$@"'

# These tell git where to work. A server that was started from a git hook has them, and must not pass them on.
_PLACES = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"}
)

_PUBLIC_HOST = "https://github.com/"
_WITHOUT_CONFIG = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
_NO_ACCESS = (
    "authentication failed",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "permission denied",
    "error: 401",
    "error: 403",
)
_NO_REPOSITORY = ("does not appear to be a git repository", "' not found", "repository not found", "error: 404")
_NO_MEMORY = "out of memory"
_NO_COMMIT = ("not our ref", "couldn't find remote ref", "unadvertised object")

_FILTERS = "a remote that can filter (`uploadpack.allowFilter`) sends only what is needed"


def is_available() -> bool:
    """Tell whether git is on the server's PATH."""
    return shutil.which("git") is not None


def check_repository(value: str, *, field: str) -> str:
    """Return the URL or path *value* trimmed.

    Raises:
        InvalidRequest: git could take it for an option or a command.
    """
    return _checked(value, repository_fault(value.strip()), field=field)


def check_ref(value: str, *, field: str) -> str:
    """Return the ref *value* trimmed.

    Raises:
        InvalidRequest: It is no name of a branch, a tag or a commit.
    """
    return _checked(value, ref_fault(value.strip()) if value.strip() else "", field=field)


def _checked(value: str, fault: str, *, field: str) -> str:
    if fault:
        raise InvalidRequest(f"{field} {fault}")
    return value.strip()


class _TookTooLong(GitFailed):
    """It was killed because its time was over."""


class _WroteTooMuch(GitFailed):
    """Its output is larger than the limit."""


class RemoteFailed(GitFailed):
    """A remote could not be asked, or does not have what it was asked for."""


class _WantsLogin(RemoteFailed):
    """The remote does not let the server's user in."""


class Git:
    """Runs git in one temporary bare repository, whose remote `REMOTE` is *repo*."""

    def __init__(self, directory: Path, repo: str, *, stop: Stop) -> None:
        self._directory = directory
        self._repo = repo
        self._stop = stop
        self._environment = _environment(repo)
        self._has_answered = False
        self._tries_without_config = repo.casefold().startswith(_PUBLIC_HOST)
        self.run("init", "-q", "--bare", "--template=", seconds=30)

    def run(self, *arguments: str, seconds: float, limit: int = _LARGEST_OUTPUT) -> bytes:
        """Return git's standard output.

        Raises:
            GitFailed: It failed, was stopped, wrote more than *limit* bytes, or took longer than *seconds*. The text of a
                failure is git's own.
        """
        with self._output(arguments, seconds=seconds, files=LARGEST_FETCH) as out:
            if out.seek(0, os.SEEK_END) > limit:
                raise _WroteTooMuch(f"git {arguments[0]} wrote more than {limit >> 20} MiB")
            out.seek(0)
            return out.read()

    def each(self, *arguments: str, seconds: float) -> Iterator[bytes]:
        """Yield the pieces between the NULs that git writes. They are never all in memory: a small tree may list millions.

        Raises:
            GitFailed: As in `run`. git is killed once it has written `_LARGEST_OUTPUT`.
        """
        with self._output(arguments, seconds=seconds, files=_LARGEST_OUTPUT) as out:
            out.seek(0)
            rest = b""
            while block := out.read(_BLOCK):
                *pieces, rest = (rest + block).split(b"\0")
                yield from pieces

    @contextmanager
    def _output(self, arguments: tuple[str, ...], *, seconds: float, files: int) -> Iterator[IO[bytes]]:
        """Run git, and yield the file with what it wrote. No file that it writes may have more than *files* bytes."""
        if not is_available():
            raise GitMissing
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                done = children.run(
                    [*_limited(files), *_SAFE, "-C", str(self._directory), *arguments],
                    env=self._environment,
                    seconds=seconds,
                    stdout=out,
                    stderr=err.fileno(),
                    stop=self._stop,
                )
            except subprocess.TimeoutExpired:
                raise _TookTooLong("git took too long") from None
            if done.returncode:
                raise GitFailed(f"exit status {done.returncode}\n{self._end_of(err) or 'git said nothing'}")
            yield out

    def ask(self, *arguments: str, seconds: float, limit: int = _LARGEST_OUTPUT) -> bytes:
        """Run a git that talks to the remote, as `run`.

        From GitHub, try first without the host's git configuration: it may rewrite URLs to ssh, which needs a key.

        Raises:
            RemoteFailed: The text says what the remote lacks, or that it can't be reached.
        """
        deadline = time.monotonic() + seconds
        if self._tries_without_config:
            self._tries_without_config = False
            usual, self._environment = self._environment, {**self._environment, **_WITHOUT_CONFIG}
            try:
                return self._ask(arguments, deadline=deadline, seconds=seconds, limit=limit)
            except RemoteFailed as error:
                self._environment = usual
                if not isinstance(error, _WantsLogin):
                    raise
        return self._ask(arguments, deadline=deadline, seconds=seconds, limit=limit)

    def list_refs(self, *arguments: str, seconds: float) -> list[str]:
        """Run `ls-remote` with *arguments*, and return its lines.

        Raises:
            RemoteFailed: As for `ask`. Any web server lists no refs, so an empty list over HTTP counts as no answer.
        """
        listed = self.ask("ls-remote", *arguments, seconds=seconds, limit=_LARGEST_LIST)
        if not (listed or self._has_answered) and self._is_web and not self._has_refs(seconds):
            raise self._explained("it lists no refs")
        self._has_answered = True
        return listed.decode(errors="replace").split("\n")[
            :-1
        ]  # a name may have what Python takes for an end of a line

    def _has_refs(self, seconds: float) -> bool:
        return bool(self.ask("ls-remote", REMOTE, seconds=seconds, limit=_LARGEST_LIST))

    def _ask(self, arguments: tuple[str, ...], *, deadline: float, seconds: float, limit: int) -> bytes:
        try:
            return self.run(*arguments, seconds=deadline - time.monotonic(), limit=limit)
        except _TookTooLong:
            raise self._explained(f"it took longer than the limit of {seconds:g} s") from None
        except _WroteTooMuch as error:
            raise RemoteFailed(f"{self._shown} lists more than {limit >> 20} MiB of refs") from error
        except GitMissing:
            raise
        except GitFailed as error:
            raise self._explained(str(error)) from error

    def _explained(self, detail: str) -> RemoteFailed:
        """Return the failure in our words. Git's own go into the log."""
        logger.warning("remote failed repository=%s: %s", self._shown, detail)
        folded = detail.casefold()
        return self._refused(folded) or (self._broken_off() if self._has_answered else self._not_read(folded))

    def _refused(self, folded: str) -> RemoteFailed | None:
        """Return the failure if what the remote sent is too much, or lacks what it was asked for; only a remote of git says that."""
        if self._is_full():
            return RemoteFailed(
                f"{self._shown} sent more than {LARGEST_FETCH >> 20} MiB for one commit without its files",
                hint=_FILTERS,
            )
        if _NO_MEMORY in folded:
            return RemoteFailed(
                f"{self._shown} has an object that takes more than {_LARGEST_MEMORY >> 20} MiB of memory", hint=_FILTERS
            )
        if any(words in folded for words in _NO_COMMIT):
            hint = "the remote has no such commit, or does not hand it out"
            return RemoteFailed("couldn't find remote ref", hint=hint)
        return None

    def _broken_off(self) -> RemoteFailed:
        return RemoteFailed(f"{self._shown} answered, but could not be read", hint="the server's log says why")

    def _not_read(self, folded: str) -> RemoteFailed:
        """Return the failure of a remote that has not shown yet that it is one.

        A caller may name any address. So a closed port, a silent one, an unknown host and a server that is none of git look
        the same to him, or else he could look around in the server's network.
        """
        if self._is_local or any(words in folded for words in _NO_REPOSITORY):
            return RemoteFailed(
                f"{self._shown} is no git repository that the server's user may read",
                hint="check the URL; a path is looked up on the server's machine",
            )
        if any(words in folded for words in _NO_ACCESS):
            return _WantsLogin(
                f"{self._shown} wants a login",
                hint="give the server's user access: its git credential helper or ssh agent",
            )
        empty = "; over HTTP an empty repository looks the same: push a first commit" if self._is_web else ""
        return RemoteFailed(
            f"{self._shown} can't be reached",
            hint=f"`git ls-remote {self._shown}` on the server's machine says why, as does the server's log{empty}",
        )

    def _is_full(self) -> bool:
        """Tell whether what came reached the limit: git itself only says that its input ended."""
        packs = (self._directory / "objects" / "pack").glob("*")
        return any(pack.stat().st_size >= LARGEST_FETCH for pack in packs)

    @property
    def _is_web(self) -> bool:
        return self._repo.casefold().startswith(("http://", "https://"))

    @property
    def _is_local(self) -> bool:
        """Whether the repository is on the server's own disk, of which a caller must not learn what is there."""
        scheme, separator, _ = self._repo.partition("://")
        is_short_ssh = ":" in self._repo.partition("/")[0]
        return scheme.casefold() == "file" if separator else not is_short_ssh

    def _end_of(self, output: IO[bytes]) -> str:
        """Return the end of what git complained of, without the login of the repository."""
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _MOST_COMPLAINT))
        text = output.read().decode(errors="replace").strip()
        return without_user_infos(Redactor(url_secrets(self._repo)).redact(text))

    @property
    def _shown(self) -> str:
        return without_login(self._repo)


def _limited(files: int) -> list[str]:
    return ["sh", "-c", _LIMITED, "git", str(files // 512), str(_LARGEST_MEMORY // 1024)]


def _environment(repo: str) -> dict[str, str]:
    """Return the environment of git: the server's, without what git and the helpers that it starts have no use for."""
    own = without_data_access(without_settings(os.environ))
    inherited = {name: value for name, value in own.items() if name not in _PLACES}
    return {
        **with_settings(inherited, _settings(repo)),
        "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": os.environ.get(
            "GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=15 -oServerAliveInterval=15"
        ),
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def _settings(repo: str) -> list[tuple[str, str]]:
    """Return the settings that make *repo* the remote of a repository."""
    url = (f"remote.{REMOTE}.url", repo)
    if repo.startswith("file://") or Path(repo).is_dir():
        # git runs the other side itself, but without our settings, and by itself that one does not filter.
        return [url, (f"remote.{REMOTE}.uploadpack", "git -c uploadpack.allowFilter=true upload-pack")]
    return [url]
