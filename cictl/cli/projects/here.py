"""The projects of the server that the checkout around the current directory belongs to."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from cictl.base.urls import repository_key, without_login
from cictl.cli.app.failures import Failure, usage
from cictl.cli.app.session import Session
from cictl.cli.projects.place import find_repository, origin_of
from cictl.cli.projects.project_file import find_project_file
from cictl.wire.projects import ProjectSummary
from cictl_client import Unreachable


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A repository on this machine, and where it came from.

    Attributes:
        origin: The URL that it calls `origin`; empty for none.
    """

    root: Path
    origin: str

    @property
    def address(self) -> str:
        """What the server can import it by, as far as that can be known here, and as it may be shown."""
        return without_login(self.origin) or str(self.root)

    @property
    def has_project_file(self) -> bool:
        return find_project_file(self.root) is not None

    def is_built_by(self, project: ProjectSummary) -> bool:
        """Tell whether the repository of *project* is this one, or the one that this one was cloned from."""
        own = {repository_key(place) for place in (self.origin, str(self.root), str(self.root.resolve())) if place}
        return repository_key(project.repo_url) in own


def find_checkout() -> Checkout | None:
    """Return the checkout around the current directory; None outside of checkouts."""
    root = find_repository(Path.cwd())
    return Checkout(root=root, origin=origin_of(root)) if root else None


def projects_here(session: Session, *, wish: str, without: str, offers_local: bool = False) -> list[ProjectSummary]:
    """Return the projects that build the checkout around the current directory: one at least.

    Args:
        wish: What the user wants to know or do, for the message when it can't be told here: `what shall run?`.
        without: The command that does it anywhere.
        offers_local: A run of the working tree would do too, where the server is of no help.

    Raises:
        Failure: There is no checkout here, or none that the server knows (exit code 2); the server can't be reached (9).
    """
    checkout = find_checkout()
    if checkout is None:
        raise usage(f"{wish} this directory is no checkout", hint=_of_here(without) if offers_local else without)
    try:
        found = [project for project in session.client.list_projects() if checkout.is_built_by(project)]
    except Unreachable as error:
        if not offers_local:
            raise
        raise _unreachable(session, checkout, error) from error
    if not found:
        here = f", or {_local(checkout)}" if offers_local else ""
        raise usage(
            f"{wish} no project on {session.settings.shown_server} builds {checkout.address}",
            hint=f"cictl projects import {shlex.quote(checkout.address)}{session.server_options}{here}",
        )
    return found


def _of_here(without: str) -> str:
    if find_project_file(Path.cwd()) is not None:
        return f"{without}, or cictl run --local"
    return without


def _local(checkout: Checkout) -> str:
    return "cictl run --local" if checkout.has_project_file else "cictl init"


def _unreachable(session: Session, checkout: Checkout, error: Unreachable) -> Failure:
    """Return the failure of a newcomer who has no server yet, with what needs none."""
    from cictl.cli.app.failures import failure_of

    failure = failure_of(error, server=session.settings.shown_server)
    failure.hint = f"{_local(checkout)}, which needs no server; or cictl serve"
    return failure
