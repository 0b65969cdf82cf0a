"""The forge of a project on the wire: where the server tells how the runs of a commit stand."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from cictl.wire.codec import Message


class ForgeKind(StrEnum):
    """Whose API it is. Forgejo has that of Gitea."""

    GITHUB = "github"
    GITEA = "gitea"
    GITLAB = "gitlab"


class ForgeRequest(Message):
    """`POST projects/ID/forge`.

    Attributes:
        kind: A `ForgeKind`.
        api: What the URLs of its API begin with: `https://api.github.com`, `https://git.example.com/api/v1`,
            `https://gitlab.example.com/api/v4`.
        token: May set statuses of commits. It is never shown.
        repository: `OWNER/NAME`; empty for what the URL of the project's repository says.
    """

    kind: str = ""
    api: str = ""
    token: str = ""
    repository: str = ""


class Forge(Message):
    """`GET projects/ID/forge`.

    Attributes:
        waiting: How many statuses the forge has not taken yet.
        problem: Why it did not take one of them; absent if it did, or none was tried.
        problem_utc: When the status of `problem` came to be.
    """

    kind: ForgeKind
    api: str
    repository: str
    waiting: int
    problem: str = ""
    problem_utc: datetime | None = None


class ForgeTest(Message):
    """`POST projects/ID/forge/test`: whether the forge knows the repository and takes the token."""

    ok: bool
    detail: str
