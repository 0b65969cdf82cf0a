"""Remote repositories: which commit a ref means now, the branches, and single files of a commit.

A question costs one `ls-remote`. For files, the commit and its trees are fetched, and then only the files that are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from cictl.base.names.git_names import is_commit, is_short_commit, ref_fault
from cictl.base.system.children import Stop
from cictl_server.errors import GitFailed
from cictl_server.services.core.scratch import Scratch
from cictl_server.services.projects.git import REMOTE, Git, RemoteFailed, check_ref, check_repository
from cictl_server.services.projects.git_places import GitPlaces
from cictl_server.services.projects.ref_lists import BRANCHES, TAGS, RefList

QUESTION_SECONDS = 20.0
"""How long a remote may take to list its refs."""

FETCH_SECONDS = 60.0
"""How long one fetch may take. With the questions before and after it, an import ends within the two minutes of the contract."""

FILE_LIMIT = 1 << 20
"""How many bytes of a file are read: what a project file may have."""

PULL_REQUESTS = ("refs/pull/*/head", "refs/merge-requests/*/head")
"""Where GitHub, Gitea and Forgejo, and GitLab, have the heads of pull requests."""

_LOCAL_SECONDS = 30.0
_BASE_DEPTH = 1000
"""How far back the commit is looked for from which two branches come."""
_TEXT = "%an%x00%s%x00%B"
_LINKS_AND_FILES = ("100644", "100755", "120000")


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a ref means now.

    Attributes:
        name: What to fetch: a full ref name, `HEAD`, or the commit itself.
        branch: The name of the branch; empty for tags, commits, and a remote whose default is no branch.
    """

    name: str
    commit: str
    branch: str = ""


class CommitText(NamedTuple):
    """What a commit says of itself, as git has it."""

    author: str
    subject: str
    message: str


class TreeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file of a commit."""

    path: str
    blob: str


class FetchedCommit(msgspec.Struct, frozen=True, kw_only=True):
    """One commit of a remote, in a temporary repository. Its files come from the remote when they are read.

    Attributes:
        branch: As in `Resolved`.
    """

    git: Git
    commit: str
    branch: str

    def find(self, path: str) -> TreeFile | None:
        """Return a file or link of the commit, never followed through the file system; None if there is none."""
        entries = self._entries("ls-tree", "-z", "--full-tree", self.commit, "--", f":(literal){path}")
        return next((file for mode, file in entries if mode in _LINKS_AND_FILES), None)

    def files(self) -> Iterator[TreeFile]:
        """Yield the regular files of the commit, without links and submodules."""
        for mode, file in self._entries("ls-tree", "-r", "-z", "--full-tree", self.commit):
            if mode in _LINKS_AND_FILES[:2]:
                yield file

    def bring(self, files: Sequence[TreeFile]) -> None:
        """Fetch *files* in one answer of the remote; what is read without it comes one by one."""
        if files:
            blobs = [file.blob for file in files]
            self.git.ask("fetch", "-q", "--no-tags", "--filter=blob:none", REMOTE, *blobs, seconds=QUESTION_SECONDS)

    def size(self, file: TreeFile) -> int:
        """Return how many bytes *file* has."""
        return int(self.git.ask("cat-file", "-s", file.blob, seconds=QUESTION_SECONDS))

    def read(self, file: TreeFile, *, limit: int = FILE_LIMIT) -> bytes:
        """Return the content of *file*.

        Raises:
            GitFailed: It is larger than *limit* bytes, or can't be had.
        """
        size = self.size(file)
        if size > limit:
            raise GitFailed(f'"{file.path}" has {size} bytes; at most {limit} are read')
        return self.git.run("cat-file", "blob", file.blob, seconds=_LOCAL_SECONDS)

    def show(self, path: str, *, limit: int = FILE_LIMIT) -> bytes:
        """Return the content of the file at *path*.

        Raises:
            GitFailed: There is none, it is larger than *limit* bytes, or it can't be had.
        """
        file = self.find(path)
        if file is None:
            raise GitFailed(f'the commit has no file "{path}"')
        return self.read(file, limit=limit)

    def tell(self) -> CommitText:
        """Return what the commit says of itself."""
        told = self.git.run("log", "-1", f"--format={_TEXT}", self.commit, "--", seconds=_LOCAL_SECONDS)
        return _commit_text(told)

    def changed_since(self, before: str) -> list[str]:
        """Return the paths of all files in which the commit differs from *before*."""
        _fetch(self.git, before, leaves_out="blob:none", seconds=FETCH_SECONDS)
        diff = ("diff-tree", "-r", "-z", "--no-renames", "--name-only", before, self.commit)
        return [path.decode(errors="replace") for path in self.git.each(*diff, seconds=_LOCAL_SECONDS)]

    def _entries(self, *command: str) -> Iterator[tuple[str, TreeFile]]:
        for entry in self.git.each(*command, seconds=_LOCAL_SECONDS):
            head, _, path = entry.partition(b"\t")
            match head.decode().split():
                case [mode, "blob", blob]:
                    yield mode, TreeFile(path=path.decode(errors="replace"), blob=blob)


class Remotes(msgspec.Struct, frozen=True, kw_only=True):
    """Every question to a remote goes through here, and so takes a place of `places`.

    Each method raises `GitFailed` when the remote can't be read, `NoCapacity` when too many are asked at once, and
    `InvalidRequest` when git could take the name of the repository or the ref for something else.
    """

    places: GitPlaces
    scratch: Scratch

    def resolve(self, repo: str, ref: str, *, seconds: float = QUESTION_SECONDS, stop: Stop | None = None) -> Resolved:
        """Return what *ref* means.

        Args:
            ref: Branch, tag, full ref name, commit or the beginning of one; empty for the remote's default branch.
            seconds: Limit of each question to the remote.
            stop: Ends it early, from another thread.
        """
        ref = check_ref(ref, field="ref")
        with self._repository(repo, stop) as git:
            resolved = _resolve(git, ref, seconds=seconds)
            if is_commit(ref):
                _fetch(git, resolved.commit, leaves_out="tree:0", seconds=FETCH_SECONDS)  # only to see that it is there
            return resolved

    def describe(self, repo: str, commit: str, *, seconds: float) -> CommitText:
        """Return what a commit says of itself."""
        with self._repository(repo, None) as git:
            _fetch(git, commit, leaves_out="tree:0", seconds=seconds)
            told = git.run("log", "-1", f"--format={_TEXT}", commit, "--", seconds=_LOCAL_SECONDS)
        return _commit_text(told)

    def history(
        self, repo: str, old: str, new: str, *, most: int, seconds: float
    ) -> tuple[list[tuple[str, str]], bool]:
        """Return the commits of *new* that *old* has not, newest first, each with the first line of its message; and whether
        *old* is among the ancestors that were fetched.

        Args:
            most: So many commits deep the history is fetched, and so many are returned.
        """
        with self._repository(repo, None) as git:
            _fetch(git, new, leaves_out="tree:0", depth=most, seconds=seconds)
            reaches_old = old in git.run("rev-list", new, "--", seconds=_LOCAL_SECONDS).decode().split()
            wanted = [f"--max-count={most}", "--format=%H %s", new, *([f"^{old}"] if reaches_old else []), "--"]
            lines = git.run("log", *wanted, seconds=_LOCAL_SECONDS).decode(errors="replace").splitlines()
        return [(commit, subject) for commit, _, subject in (line.partition(" ") for line in lines)], reaches_old

    @contextmanager
    def fetched(
        self,
        repo: str,
        ref: str,
        *,
        question_seconds: float = QUESTION_SECONDS,
        seconds: float = FETCH_SECONDS,
        stop: Stop | None = None,
    ) -> Iterator[FetchedCommit]:
        """Fetch one commit of *repo*, without its files, into a temporary repository. The arguments are as for `resolve`."""
        ref = check_ref(ref, field="ref")
        with self._repository(repo, stop) as git:
            resolved = _resolve(git, ref, seconds=question_seconds)
            _fetch(git, resolved.name, leaves_out="blob:none", seconds=seconds)
            commit = git.run("rev-parse", "--verify", "-q", "FETCH_HEAD^{commit}", seconds=_LOCAL_SECONDS)
            yield FetchedCommit(git=git, commit=commit.decode().strip(), branch=resolved.branch)

    def list_branches(self, repo: str, *, seconds: float = QUESTION_SECONDS) -> list[str]:
        """Return the names of the branches, without those that git itself would not make."""
        with self._repository(repo, None) as git:
            lines = git.list_refs("--heads", REMOTE, seconds=seconds)
        names = (line.partition(f"\t{BRANCHES}")[2] for line in lines if f"\t{BRANCHES}" in line)
        return [name for name in names if not ref_fault(name)]

    def list_refs(self, repo: str, *, pull_requests: bool = False, seconds: float = QUESTION_SECONDS) -> RefList:
        """Return all branches and tags, and the heads of pull requests if they are wanted too."""
        wanted = ["HEAD", f"{BRANCHES}*", f"{TAGS}*", *(PULL_REQUESTS if pull_requests else ())]
        with self._repository(repo, None) as git:
            lines = git.list_refs("--symref", REMOTE, *wanted, seconds=seconds)
        return RefList(lines, has_pull_requests=pull_requests)

    def find_merge_base(self, repo: str, one: str, other: str) -> str:
        """Return the newest commit from which both come; empty if none of the last thousand is one."""
        with self._repository(repo, None) as git:
            _fetch(git, one, other, leaves_out="tree:0", depth=_BASE_DEPTH, seconds=FETCH_SECONDS)
            try:
                return git.run("merge-base", one, other, seconds=_LOCAL_SECONDS).decode().strip()
            except GitFailed:  # exit status 1 and no word: there is none
                return ""

    @contextmanager
    def _repository(self, repo: str, stop: Stop | None) -> Iterator[Git]:
        repo = check_repository(repo, field="repository")
        with self.places.take(stop) as ends, self.scratch.folder("git") as directory:
            yield Git(directory, repo, stop=ends)


def _resolve(git: Git, ref: str, *, seconds: float) -> Resolved:
    if not ref or ref == "HEAD":
        return _default(git, seconds=seconds)
    if is_commit(ref):
        return Resolved(name=ref.lower(), commit=ref.lower())
    # In git's own order: a tag wins over a branch of the same name.
    names = [ref, f"refs/{ref}", TAGS + ref, BRANCHES + ref] if not ref.startswith("refs/") else [ref]
    patterns = [pattern for name in names for pattern in (name, f"{name}^{{}}")]
    found = _refs(git, *patterns, seconds=seconds)
    name = next((name for name in names if name in found and name.startswith("refs/")), "")
    if name:
        commit = found.get(f"{name}^{{}}", found[name])
        return Resolved(
            name=name, commit=commit, branch=name.removeprefix(BRANCHES) if name.startswith(BRANCHES) else ""
        )
    if is_short_commit(ref):
        commit = _expanded(git, ref.lower(), seconds=seconds)
        return Resolved(name=commit, commit=commit)
    raise _no_ref(ref)


def _default(git: Git, *, seconds: float) -> Resolved:
    commit = branch = ""
    for line in git.list_refs("--symref", REMOTE, "HEAD", seconds=seconds):
        value, _, name = line.partition("\t")
        if name != "HEAD":
            continue
        if value.startswith("ref: "):
            branch = value.removeprefix(f"ref: {BRANCHES}") if value.startswith(f"ref: {BRANCHES}") else ""
        else:
            commit = value
    if branch and ref_fault(branch):
        raise RemoteFailed("the remote's default branch has a name that no branch can have", hint="name one with --ref")
    if not commit:
        raise RemoteFailed(
            "the remote has no default branch with a commit", hint="push a first commit, or name a branch with --ref"
        )
    return Resolved(name=BRANCHES + branch if branch else "HEAD", commit=commit, branch=branch)


def _expanded(git: Git, short: str, *, seconds: float) -> str:
    """Return the only commit that begins with *short*: all commits are fetched, without trees and files."""
    _fetch(
        git, f"+{BRANCHES}*:{BRANCHES}*", f"+{TAGS}*:{TAGS}*", leaves_out="tree:0", depth=None, seconds=FETCH_SECONDS
    )
    try:
        commit = git.run("rev-parse", "--verify", f"{short}^{{commit}}", seconds=_LOCAL_SECONDS)
    except GitFailed as error:
        if "ambiguous" in str(error):
            raise RemoteFailed(f'several commits begin with "{short}"', hint="say more of its id") from error
        raise _no_ref(short) from error
    return commit.decode().strip()


def _refs(git: Git, *patterns: str, seconds: float) -> dict[str, str]:
    """Return the refs of the remote and what they point at. A tag object has a second entry, `NAME^{}`, for its commit."""
    lines = git.list_refs(REMOTE, *patterns, seconds=seconds)
    return {name: value for value, _, name in (line.partition("\t") for line in lines)}


def _fetch(git: Git, *names: str, leaves_out: str, seconds: float, depth: int | None = 1) -> None:
    """Fetch commits by the *names* of refs or their ids.

    Args:
        leaves_out: The filter (`git help rev-list`); a remote that can't filter sends everything.
        depth: How many commits of their history; None for all.
    """
    limits = [] if depth is None else [f"--depth={depth}"]
    options = ["-q", "--no-tags", f"--filter={leaves_out}", *limits, "--end-of-options"]
    git.ask("fetch", *options, REMOTE, *names, seconds=seconds)


def _commit_text(told: bytes) -> CommitText:
    author, subject, message = (part.decode(errors="replace") for part in told.split(b"\0", 2))
    return CommitText(author=author, subject=subject, message=message)


def _no_ref(ref: str) -> RemoteFailed:
    return RemoteFailed(
        f"couldn't find remote ref {ref}",
        hint=f'the remote has no branch, tag or commit "{ref}"; `git ls-remote URL` shows what it has',
    )
