"""What is wrong with a database. `StoreAway` of `cictl_server.errors` is for one that went away while the server runs.

StoreError
├── DatabaseUnreachable   nothing answers at the address
├── DatabaseDenied        it does not let this user in
├── DatabaseUnusable      what is there can't hold a store: no such database or schema, a wrong encoding, too old
├── DatabaseTooNew        a newer cictl has changed the schema
└── DatabaseFull          it has no space; not at the start alone
"""

from __future__ import annotations

from cictl.wire.problems import Code
from cictl_server.errors import StoreError


class DatabaseUnreachable(StoreError):
    def __init__(self, where: str, detail: str) -> None:
        super().__init__(
            f"cannot reach {where}: {detail}", hint="is PostgreSQL running there? check the address in --store"
        )


class DatabaseDenied(StoreError):
    def __init__(self, where: str, detail: str) -> None:
        super().__init__(
            f"{where} refuses the log-in: {detail}",
            hint="check the user and the password in --store, in PGPASSWORD or in ~/.pgpass, and the server's pg_hba.conf",
        )


class DatabaseUnusable(StoreError):
    """`what` says what is wrong, and the hint how to mend it."""

    def __init__(self, where: str, what: str, *, hint: str) -> None:
        super().__init__(f"{where} can't be used: {what}", hint=hint)


class DatabaseTooNew(StoreError):
    """Schema `found` is newer than this cictl knows."""

    def __init__(self, where: str, *, found: int, known: int) -> None:
        self.found = found
        super().__init__(
            f"{where} has schema {found}, which is newer than this cictl knows ({known})", hint="install a newer cictl"
        )


class DatabaseFull(StoreError):
    """PostgreSQL has no space for a change. Nothing of it was kept."""

    code = Code.STORE_FULL

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} has no space left", hint="make room on the disk of the database")
