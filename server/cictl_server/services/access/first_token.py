"""The token that a server makes itself, so that somebody can log in to it at all."""

from __future__ import annotations

from pathlib import Path

from cictl.base.files import write_private
from cictl.wire.access import Role
from cictl.wire.audit.records import AuditAction, TargetKind
from cictl_server.services.access.token_format import new_secret
from cictl_server.services.access.tokens import TokenService
from cictl_server.services.core.deeds import deed_of_system

FILE = "admin.token"
"""In the data directory. Once somebody has logged in with it, it may be deleted: the store has its digest."""


def make_first_token(tokens: TokenService, directory: Path) -> Path | None:
    """Make an admin token if there is no token yet, and return the file that it is in; None if there is one already."""
    with tokens.store.read() as view:
        if view.tokens.count():
            return None
    secret, path = new_secret(Role.ADMIN), directory / FILE
    # First the file: if the server dies in between, the next start writes another one. The other way round nobody could log in.
    write_private(path, f"{secret}\n".encode())
    with deed_of_system(AuditAction.TOKEN_CREATED, awaits=TargetKind.TOKEN, name="first start"):
        tokens.store.write(
            lambda tx: tokens.add(tx, name="admin", role=Role.ADMIN, created_by="first start", secret=secret)
        )
    return path
