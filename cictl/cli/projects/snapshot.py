"""The working tree as a commit in a repository beside it. The checkout itself, its index, refs and objects stay as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cictl.base.system import children
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.projects.place import origin_of

_LIMIT_SECONDS = 600
_NOBODY = "cictl"
_BRANCH_OF_NOBODY = "main"
_MESSAGE = "The working tree, as nobody committed it"

# These tell git where to work. A command that a hook runs has them, and means its own repository by them.
_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a working tree held at one moment.

    Attributes:
        repository: A bare one, which borrows what it lacks from the checkout.
        sha: The commit: that of HEAD where the tree is just that, else one of nobody with HEAD as its parent.
        branch: Where it is, alone with the checkout's tags.
        origin: The URL that the checkout calls `origin`; empty for none.
        is_changed: Whether the tree is another than that of HEAD, or there is no HEAD yet.
    """

    repository: Path
    sha: str
    branch: str
    origin: str
    is_changed: bool


def take(checkout: Path, repository: Path) -> Snapshot:
    """Put what git would add of *checkout* into a new bare *repository*: all files but the ignored ones.

    A directory that is no repository gives its files, without a history.

    Raises:
        Failure: git is missing, or could not do it.
    """
    return _Taking(checkout, repository).take()


def write_bundle(snapshot: Snapshot, file: Path) -> str:
    """Write all files of *snapshot* as one commit without a history into a bundle, whose HEAD it is, and return the commit."""
    return _Taking(snapshot.repository, snapshot.repository).bundle(snapshot.sha, file)


class _Taking:
    """One snapshot under way."""

    def __init__(self, checkout: Path, repository: Path) -> None:
        self._checkout = checkout
        self._repository = repository
        self._env = {name: value for name, value in os.environ.items() if name not in _PLACES}

    def take(self) -> Snapshot:
        own = (self._checkout / ".git").exists()
        kind = self._ask("rev-parse", "--show-object-format") if own else "sha1"
        self._git("init", "-q", "--bare", "--template=", f"--object-format={kind}", str(self._repository))
        head = self._borrow() if own else ""
        tree = self._write_tree(own)
        is_changed = not head or self._in_copy("rev-parse", f"{head}^{{tree}}") != tree
        sha = self._commit(tree, head) if is_changed else head
        branch = (self._ask("symbolic-ref", "-q", "--short", "HEAD", may_fail=True) if own else "") or _BRANCH_OF_NOBODY
        self._in_copy("update-ref", f"refs/heads/{branch}", sha)
        self._in_copy("symbolic-ref", "HEAD", f"refs/heads/{branch}")
        if own:
            self._copy_tags()
        origin = origin_of(self._checkout) if own else ""
        return Snapshot(repository=self._repository, sha=sha, branch=branch, origin=origin, is_changed=is_changed)

    def bundle(self, sha: str, file: Path) -> str:
        commit = self._commit(self._in_copy("rev-parse", f"{sha}^{{tree}}"), "")
        self._in_copy("update-ref", "--no-deref", "HEAD", commit)
        self._in_copy("bundle", "create", "-q", str(file), "HEAD")
        return commit

    def _borrow(self) -> str:
        """Let the copy find the objects of the checkout, and return the commit of HEAD; empty before the first one."""
        objects = self._place("objects")
        (self._repository / "objects" / "info").mkdir(exist_ok=True)
        (self._repository / "objects" / "info" / "alternates").write_text(f"{objects}\n")
        shallow = self._place("shallow")
        if shallow.exists():
            shutil.copy(shallow, self._repository / "shallow")
        return self._ask("rev-parse", "-q", "--verify", "HEAD^{commit}", may_fail=True)

    def _write_tree(self, own: bool) -> str:
        """Return the id of the tree of all files. It is made in an index of its own, from what the checkout's knows already."""
        index = self._repository / "snapshot.index"
        known = self._place("index") if own else None
        if known is not None and known.exists():
            shutil.copy2(known, index)
        env = {
            **self._env,
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": str(self._repository / "objects"),
            **({} if own else {"GIT_DIR": str(self._repository), "GIT_WORK_TREE": str(self._checkout)}),
        }
        self._git("-c", "core.bare=false", "add", "--all", env=env)
        return self._git("write-tree", env=env)

    def _commit(self, tree: str, head: str) -> str:
        who = {
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", _NOBODY), ("EMAIL", f"{_NOBODY}@localhost"))
        }
        parents = ("-p", head) if head else ()
        return self._in_copy("commit-tree", tree, *parents, "-m", _MESSAGE, env={**self._env, **who})

    def _copy_tags(self) -> None:
        """Give the copy the tags, by which `git describe` finds versions. It has their objects already."""
        tags = ("--no-tags", "--no-auto-gc", "--update-shallow", str(self._checkout), "+refs/tags/*:refs/tags/*")
        self._in_copy("fetch", "-q", *tags)

    def _place(self, name: str) -> Path:
        return self._checkout / self._ask("rev-parse", "--git-path", name)

    def _ask(self, *arguments: str, may_fail: bool = False) -> str:
        return self._git(*arguments, may_fail=may_fail)

    def _in_copy(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        return self._git("--git-dir", str(self._repository), *arguments, env=env)

    def _git(self, *arguments: str, env: Mapping[str, str] | None = None, may_fail: bool = False) -> str:
        """Run git in the checkout, and return what it writes, trimmed; empty if it *may_fail* and did."""
        try:
            done = children.run(
                ["git", *arguments], env=env or self._env, cwd=self._checkout, seconds=_LIMIT_SECONDS, ends_group=True
            )
        except FileNotFoundError as error:
            raise _failure("git is not installed", hint="install git") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failure(f"cannot read the working tree: {error}") from error
        if done.returncode and not may_fail:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise _failure(f"cannot read the working tree: {said[-1] if said else f'git {arguments[0]} failed'}")
        return "" if done.returncode else done.stdout.decode(errors="surrogateescape").strip()


def _failure(message: str, *, hint: str = "") -> Failure:
    return Failure(message, exit_code=ExitCode.ERROR, code="snapshot", hint=hint)
