"""What happened to one ref of a repository since the last look."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from cictl.base.names.git_names import branch_of
from cictl_server.services.projects.ref_lists import BRANCHES, TAGS


class RefKind(StrEnum):
    BRANCH = "branch"
    TAG = "tag"
    PULL_REQUEST = "pull request"


class RefChange(msgspec.Struct, frozen=True, kw_only=True):
    """A ref that has another commit than before.

    Attributes:
        ref: Its full name.
        before: Its commit at the last look; empty if it is new.
        after: Its commit now; empty if it is gone.
    """

    ref: str
    before: str
    after: str

    @property
    def kind(self) -> RefKind:
        if self.ref.startswith(BRANCHES):
            return RefKind.BRANCH
        return RefKind.TAG if self.ref.startswith(TAGS) else RefKind.PULL_REQUEST

    @property
    def name(self) -> str:
        """The name of the branch or the tag; of a pull request that of its ref."""
        return self.ref.removeprefix(BRANCHES).removeprefix(TAGS)

    @property
    def built_ref(self) -> str:
        """What a run of it says that it builds: a branch as people do when they start one, a tag by its full name."""
        is_plain = self.kind is RefKind.BRANCH and branch_of(self.name) == self.name
        return self.name if is_plain else self.ref
