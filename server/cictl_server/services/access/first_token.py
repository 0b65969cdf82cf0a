"""The token that a server makes itself, so that somebody can log in to it at all."""

from __future__ import annotations

import logging
from pathlib import Path

import filelock

from cictl.base.system.files import write_private
from cictl.wire.admin.access import Role
from cictl.wire.audit.records import AuditAction, TargetKind
from cictl_server.services.access.token_format import new_secret
from cictl_server.services.access.tokens import TokenService
from cictl_server.services.core.deeds import deed_of_system
from cictl_server.store.contract import Store, Transaction

logger = logging.getLogger(__name__)

FILE = "admin.token"
"""In the data directory. Once somebody has logged in with it, it may be deleted: the store has its digest."""


def make_first_token(tokens: TokenService, directory: Path, *, host: str) -> Path | None:
    """Make an admin token if there is no token yet, and return the file that it is in; None if there is one already.

    Of several servers that start together on the same data, one makes the token. The others remove what they have written.

    Args:
        host: The name of this machine. The token tells it, so that it is known where the file is.
    """
    if has_tokens(tokens.store):
        return None
    lock = directory / f"{FILE}.lock"
    with filelock.FileLock(lock):  # servers on one machine may share the directory, and would replace each other's file
        made = _make(tokens, directory, host=host)
    lock.unlink(missing_ok=True)  # whoever waits for it finds the token
    return made


def has_tokens(store: Store) -> bool:
    """Tell whether any token was ever made."""
    return store.look(lambda view: view.tokens.count() > 0)


def _make(tokens: TokenService, directory: Path, *, host: str) -> Path | None:
    if has_tokens(tokens.store):
        return None
    secret, path = new_secret(Role.ADMIN), directory / FILE
    # First the file: if the server dies in between, the next start writes another one. The other way round nobody could log in.
    write_private(path, f"{secret}\n".encode())
    with deed_of_system(AuditAction.TOKEN_CREATED, awaits=TargetKind.TOKEN, name="first start"):
        maker = tokens.store.write(lambda tx: _add_unless_there(tx, tokens, secret=secret, host=host))
    if not maker:
        return path
    logger.warning("another server made the token of an admin first: %s; it has the file %s", maker, FILE)
    path.unlink()
    return None


def _add_unless_there(tx: Transaction, tokens: TokenService, *, secret: str, host: str) -> str:
    """Store the token; if another one is there meanwhile, return who has made that."""
    known = next(iter(tx.tokens.iter_all()), None)
    if known is not None:
        return known.created_by
    tokens.add(tx, name="admin", role=Role.ADMIN, created_by=f"first start on {host}", secret=secret)
    return ""
