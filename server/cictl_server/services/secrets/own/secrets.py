"""Secrets of the server's own: set, listed, removed, read for a job. A value goes out to the agent of a job alone."""

from __future__ import annotations

import logging
import re
import threading
from datetime import datetime
from fnmatch import fnmatchcase

import msgspec

from cictl.base.clock import Clock
from cictl.project_file.findings import quote
from cictl.wire.admin.secrets import DeletedSecret, RotatedKey, Secret, SecretRequest
from cictl.wire.audit.records import TargetKind
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.core.deeds import note_made
from cictl_server.services.core.names import find_project_called
from cictl_server.services.secrets.own.key_holders import KeyHolders
from cictl_server.services.secrets.own.sealing import CannotOpen, KeyRing, Sealed, SealingKey
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.secrets import SecretRecord

logger = logging.getLogger(__name__)

MAX_VALUE_BYTES = 64 << 10
"""Linux takes at most 128 KiB in one variable of a process."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_BRANCH = re.compile(r"[!-~]{1,200}")
_MOST_BRANCHES = 50


class SecretMissing(Exception):
    """A job can't have a secret. The text says why."""


class SecretElsewhere(Exception):
    """Another server can open a secret, and this one can't. The text says so."""


class OwnSecretService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store
    keys: KeyRing
    holders: KeyHolders
    clock: Clock
    _changing: threading.Lock = msgspec.field(default_factory=threading.Lock)
    """Held while keys are used to seal: a key must not be forgotten between sealing and storing."""

    def list_secrets(self) -> list[Secret]:
        """Return what is known of all secrets, by name; never a value."""
        with self.store.read() as view:
            found = [_view(view, record) for record in view.secrets.iter_all() if _NAME.fullmatch(record.name)]
        return sorted(found, key=lambda secret: (secret.name, secret.project))

    def set(self, request: SecretRequest) -> Secret:
        """Store a secret, or another value of it. `branches` that are absent stay as they are.

        Raises:
            InvalidRequest: Name, value or branches can't be accepted.
            NotFound: No such project.
            Conflict: Several projects have the name, or other servers sealed with keys that are not here.
            BadSealingKey: The key is none.
        """
        _check(request)
        now = self.clock()
        with self._changing:
            with self.store.read() as view:
                self._check_sealing(view, request)  # before a key is made that nothing can use
            key = self.keys.sealing()
            return self.store.write(lambda tx: self._store(tx, request, key, now))

    def delete(self, secret_id: int) -> DeletedSecret:
        """Remove a secret.

        Raises:
            NotFound: No such secret.
        """

        def delete(tx: Transaction) -> SecretRecord:
            record = tx.secrets.find(secret_id)
            if record is None or not _NAME.fullmatch(record.name):
                raise NotFound("secret", hint="`cictl secrets list` shows them")
            tx.secrets.delete(secret_id)
            return record

        return DeletedSecret(deleted=True, id=secret_id, name=self.store.write(delete).name)

    def keep(self, name: str, value: str, *, project_id: int) -> None:
        """Keep a value for the server's own use. It has a name that no job can ask for and no list tells.

        Raises:
            Conflict: Other servers sealed with keys that are not here.
            BadSealingKey: The key is none.
        """
        assert not _NAME.fullmatch(name), "jobs could read it"
        now = self.clock()

        def put(tx: Transaction) -> None:
            self.holders.check_sealing(tx)
            known = find(tx, name, project_id)
            record = SecretRecord(
                id=known.id if known else tx.secrets.next_id(),
                name=name,
                project_id=project_id,
                key_id=sealed.key_id,
                sealed=sealed.text,
                created=known.created if known else now,
                updated=now,
            )
            tx.secrets.put(record)

        with self._changing:
            with self.store.read() as view:
                self.holders.check_sealing(view)  # before a key is made that nothing can use
            sealed = self.keys.sealing().seal(value, bound_to=_bound_to(name, project_id))
            self.store.write(put)

    def keeps(self, view: View, name: str, *, project_id: int) -> bool:
        """Tell whether there is a value for the server's own use."""
        return find(view, name, project_id) is not None

    def kept(self, view: View, name: str, *, project_id: int) -> str:
        """Return a value for the server's own use; empty if there is none, or if it can't be opened here."""
        record = find(view, name, project_id)
        try:
            return self._open(record) if record else ""
        except CannotOpen as error:
            logger.warning("kept secret can't be opened name=%s project=%d: %s", name, project_id, error)
            return ""

    def rotate_key(self) -> RotatedKey:
        """Seal all secrets anew with another key, then forget the old one. A kill in between loses nothing.

        Raises:
            Conflict: The keys are given, and there is no new one among them, or other servers have not got it.
            InvalidRequest: A secret can't be opened. Nothing has changed then.
        """
        with self._changing:
            self.holders.check_rotation()
            key = self.keys.begin_rotation()
            count = self.store.write(lambda tx: self._seal_all(tx, key))
            self.keys.end_rotation()
        return RotatedKey(key_id=key.id, secrets=count)

    def _check_sealing(self, view: View, request: SecretRequest) -> None:
        known = find(view, request.name, _project_id(view, request))
        self.holders.check_sealing(view, but=known.id if known else 0)

    def _store(self, tx: Transaction, request: SecretRequest, key: SealingKey, now: datetime) -> Secret:
        self._check_sealing(tx, request)
        return _store(tx, request, key, now)

    def _seal_all(self, tx: Transaction, key: SealingKey) -> int:
        records = list(tx.secrets.iter_all())
        for record in records:
            tx.secrets.put(self._sealed_anew(record, key))
        return len(records)

    def value(self, view: View, name: str, *, project_id: int, branch: str) -> str:
        """Return the value for a job of a project: the project's own secret, else that of all projects.

        Raises:
            SecretMissing: There is none, it is for other branches, or it can't be opened.
            SecretElsewhere: It can't be opened here, but by another server.
        """
        record = (find(view, name, project_id) if project_id else None) or find(view, name, 0)
        if record is None:
            raise SecretMissing(f"secret {quote(name)} is not set; `cictl secrets set {name}` sets it")
        if record.branches and not any(fnmatchcase(branch, pattern) for pattern in record.branches):
            raise SecretMissing(
                f"secret {quote(name)} is for {_listed(record.branches)} only, and this run builds "
                + (f"branch {branch}" if branch else "no branch that is known")
            )
        try:
            return self._open(record)
        except CannotOpen as error:
            if where := self.holders.holder(record.key_id):
                raise SecretElsewhere(
                    f"secret {quote(name)} can be opened by {where}, and not here: {error}"
                ) from error
            raise SecretMissing(f"secret {quote(name)} can't be opened: {error}") from error

    def _open(self, record: SecretRecord) -> str:
        sealed = Sealed(key_id=record.key_id, text=record.sealed)
        return self.keys.opening(record.key_id).open(sealed, bound_to=_bound_to(record.name, record.project_id))

    def _sealed_anew(self, record: SecretRecord, key: SealingKey) -> SecretRecord:
        try:
            value = self._open(record)
        except CannotOpen as error:
            hint = f"set it again, or remove it: `cictl secrets remove {record.name}`"
            raise InvalidRequest(f"secret {quote(record.name)} can't be opened: {error}", hint=hint) from error
        sealed = key.seal(value, bound_to=_bound_to(record.name, record.project_id))
        return msgspec.structs.replace(record, key_id=sealed.key_id, sealed=sealed.text)


def find(view: View, name: str, project_id: int) -> SecretRecord | None:
    """Return the secret that belongs to the project, or with 0 to all projects."""
    return next((s for s in view.secrets.iter_all() if (s.name, s.project_id) == (name, project_id)), None)


def _store(tx: Transaction, request: SecretRequest, key: SealingKey, now: datetime) -> Secret:
    project_id = _project_id(tx, request)
    known = find(tx, request.name, project_id)
    branches = request.branches if request.branches is not None else known.branches if known else []
    sealed = key.seal(request.value, bound_to=_bound_to(request.name, project_id))
    record = SecretRecord(
        id=known.id if known else tx.secrets.next_id(),
        name=request.name,
        project_id=project_id,
        key_id=sealed.key_id,
        sealed=sealed.text,
        branches=branches,
        created=known.created if known else now,
        updated=now,
    )
    tx.secrets.put(record)
    note_made(TargetKind.SECRET, record.id, record.name, project=request.project, branches=", ".join(branches))
    return _view(tx, record)


def _bound_to(name: str, project_id: int) -> str:
    """Return what a sealed value is bound to, so that nobody who writes to the store can move it to another name."""
    return f"{project_id}/{name}"


def _check(request: SecretRequest) -> None:
    if not _NAME.fullmatch(request.name):
        raise InvalidRequest("name must have 1 to 128 letters, digits, `_` or `-`")
    size = len(request.value.encode(errors="replace"))
    if not request.value.strip():
        raise InvalidRequest("value must not be blank")
    if size > MAX_VALUE_BYTES or "\0" in request.value:
        raise InvalidRequest(f"value must have at most {MAX_VALUE_BYTES} bytes, none of them NUL")
    branches = request.branches or []
    if len(branches) > _MOST_BRANCHES or not all(_BRANCH.fullmatch(branch) for branch in branches):
        raise InvalidRequest(f"branches must be at most {_MOST_BRANCHES} names or patterns such as release/*")


def _project_id(view: View, request: SecretRequest) -> int:
    """Return the project that the secret is for; 0 for all."""
    if not request.project:
        return 0
    found = find_project_called(view, request.project)
    if found is None:
        raise NotFound("project")
    return found.id


def _view(view: View, record: SecretRecord) -> Secret:
    project = view.projects.find(record.project_id) if record.project_id else None
    return Secret(
        id=record.id,
        name=record.name,
        project_id=record.project_id,
        project=project.name if project else "",
        branches=record.branches,
        created_utc=record.created,
        updated_utc=record.updated,
    )


def _listed(patterns: list[str]) -> str:
    return f"branch {patterns[0]}" if len(patterns) == 1 else f"branches {', '.join(patterns)}"
