"""Where each ref of a project's repository stood when it was last looked at, so that a look sees what was pushed since.

Refs are spread over settings of the store by a sum of their names, each as a line of text. So a push writes some kilobytes again, not
all refs, and a look that finds the list unchanged reads one setting.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping

from msgspec.structs import replace

from cictl.wire.codec import Message, decode, encode
from cictl_server.services.projects.ref_lists import RefList
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.settings import SettingRecord

_REFS_OF_PART = 256
"""How many refs a part has at most when the refs are spread anew: about 16 KiB."""


def _parts_for(count: int) -> int:
    """Return over how many settings *count* refs are spread: a power of two, so that it changes seldom."""
    return 1 << max(0, (count - 1) // _REFS_OF_PART).bit_length()


class _Book(Message):
    """What is stored of all refs of one project.

    Attributes:
        repo_url: Whose refs they are; a project can move to another repository.
        parts: Over how many settings they are spread.
        is_complete: All branches and tags of a list are known, so one that is not is new.
        has_pull_requests: The same for the heads of pull requests.
        digest: That of the list whose refs these are; empty where some of a list are not noted yet.
    """

    repo_url: str
    parts: int = 1
    is_complete: bool = False
    has_pull_requests: bool = False
    digest: str = ""


class SeenRefs:
    """The refs of one project, as a view of the store has them."""

    def __init__(self, view: View, project: ProjectRecord) -> None:
        self._view = view
        self._key = f"seen_refs/{project.id}"
        stored = view.settings.find(self._key)
        book = decode(stored.value.encode(), _Book) if stored else None
        self._stored_parts = book.parts if book else 0
        self._book = book if book and book.repo_url == project.repo_url else _Book(repo_url=project.repo_url, parts=0)

    def knows_all(self, *, pull_requests: bool = False) -> bool:
        """Tell whether a branch, a tag or a pull request that is not known here is new; else it is only unknown."""
        return self._book.has_pull_requests if pull_requests else self._book.is_complete

    @property
    def digest(self) -> str:
        """The digest of the list that has just these refs; empty if there is none."""
        return self._book.digest

    def all(self) -> dict[str, str]:
        """Return the commit of each ref."""
        return {name: commit for part in range(self._book.parts) for name, commit in self._part(part).items()}

    def find(self, name: str) -> str:
        """Return the commit of a ref; empty if the ref is not known."""
        return self._part(self._part_of(name)).get(name, "") if self._book.parts else ""

    def _part_of(self, name: str) -> int:
        return zlib.crc32(name.encode(errors="surrogateescape")) % self._book.parts

    def _part(self, part: int) -> dict[str, str]:
        stored = self._view.settings.find(f"{self._key}/{part}")
        lines = stored.value.split("\n") if stored and stored.value else []
        return {name: commit for commit, _, name in (line.partition(" ") for line in lines)}


class SeenRefsChange(SeenRefs):
    """The same in a transaction, where it can be changed."""

    def __init__(self, tx: Transaction, project: ProjectRecord) -> None:
        super().__init__(tx, project)
        self._tx = tx

    def note(self, commits: Mapping[str, str]) -> None:
        """Note the commits of some refs; an empty one forgets the ref."""
        if not commits:
            return
        if not self._book.parts:
            self._spread({})
        by_part: defaultdict[int, dict[str, str]] = defaultdict(dict)
        for name, commit in commits.items():
            by_part[self._part_of(name)][name] = commit
        for part, changed in by_part.items():
            self._put_part(part, self._part(part) | changed)
        self._put_book(replace(self._book, digest=""))

    def close(self, refs: RefList) -> None:
        """Note that a look at *refs* has ended: from now on a ref that is not known is new. Spread refs that have become many anew."""
        commits = self.all()
        if _parts_for(len(commits)) > self._book.parts:
            self._spread(commits)
        digest = refs.digest if commits == refs.commits else ""
        self._put_book(replace(self._book, digest=digest, is_complete=True, has_pull_requests=refs.has_pull_requests))

    def forget(self) -> None:
        """Forget all refs."""
        for part in range(self._stored_parts):
            self._tx.settings.delete(f"{self._key}/{part}")
        self._tx.settings.delete(self._key)
        self._stored_parts = 0

    def _spread(self, commits: Mapping[str, str]) -> None:
        self.forget()
        self._book = replace(self._book, parts=_parts_for(len(commits)))
        by_part: defaultdict[int, dict[str, str]] = defaultdict(dict)
        for name, commit in commits.items():
            by_part[self._part_of(name)][name] = commit
        for part in range(self._book.parts):
            self._put_part(part, by_part[part])
        self._stored_parts = self._book.parts

    def _put_part(self, part: int, commits: Mapping[str, str]) -> None:
        lines = (f"{commit} {name}" for name, commit in commits.items() if commit)
        self._tx.settings.put(SettingRecord(key=f"{self._key}/{part}", value="\n".join(lines)))

    def _put_book(self, book: _Book) -> None:
        self._book = book
        self._tx.settings.put(SettingRecord(key=self._key, value=encode(book).decode()))
