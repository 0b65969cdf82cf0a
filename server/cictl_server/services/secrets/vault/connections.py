"""Vault connections: storing them, and checking what may be stored."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from cictl.base.clock import Clock
from cictl.base.urls import split_http
from cictl.project_file import Pipeline
from cictl.wire.admin.vault import SECRET_ID_PREFIXES, DeletedVaultConnection, VaultConnection, VaultConnectionRequest
from cictl.wire.audit.records import TargetKind
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.services.core.deeds import note_made
from cictl_server.services.secrets.vault.client import climbs
from cictl_server.services.secrets.vault.outages import Outages
from cictl_server.services.secrets.vault.tokens import TokenCache
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.secrets import VaultConnectionRecord

_APPROLE = "approle"
_NEWEST_KV = 2
_DEFAULTS: dict[str, object] = {"auth_method": _APPROLE, "approle_mount": _APPROLE, "kv_default_version": _NEWEST_KV}
_MOUNTS = ("approle_mount", "kv_default_mount")
_WHERE = ("url", "ca_file", "namespace", "auth_method", "approle_mount")
"""The fields that say to whom the secret id goes."""
_LOGIN = ("role_id", "secret_id_env")
_VARIABLE = re.compile(f"(?:{'|'.join(SECRET_ID_PREFIXES)})[A-Za-z0-9_]+")
_LONGEST = 4096


class VaultConnectionService(msgspec.Struct, frozen=True, kw_only=True):
    """Stores connections. Accepts only `allowed_urls`, or any URL if that is empty."""

    store: Store
    tokens: TokenCache
    outages: Outages
    allowed_urls: Sequence[str]
    clock: Clock

    def list_connections(self) -> list[VaultConnection]:
        """Return the connections by name (byte order), with the pipelines that use them."""
        with self.store.read() as view:
            records, uses = list(view.vault_connections.iter_all()), _uses(view)
        records.sort(key=lambda record: record.name.encode())
        return [_shown(record, used_by=uses[record.name]) for record in records]

    def get_connection(self, connection_id: int) -> VaultConnectionRecord:
        """Return one record.

        Raises:
            NotFound: No such connection.
        """
        with self.store.read() as view:
            return _get(view, connection_id)

    def save(self, request: VaultConnectionRequest) -> VaultConnection:
        """Store a new connection, or change the one with the same name. All text is trimmed.

        Raises:
            InvalidRequest: A field is missing or can't be accepted, or the secret id would go elsewhere and the request does
                not name it.
        """
        changes = _changes(request)
        now = self.clock()

        def save(tx: Transaction) -> VaultConnectionRecord:
            stored = find_by_name(tx, changes["name"])
            if stored is None:
                number = tx.vault_connections.next_id()
                stored = VaultConnectionRecord(id=number, name=changes["name"], created=now, updated=now)
            record = msgspec.structs.replace(stored, updated=now, **changes)
            self._check(record)
            if stored.url:
                _check_login_is_given(stored, record, changes)
            tx.vault_connections.put(record)
            note_made(TargetKind.VAULT, record.id, record.name, url=record.url)
            return record

        record = self.store.write(save)
        self._forget(record.id)
        return _shown(record)

    def delete(self, connection_id: int) -> DeletedVaultConnection:
        """Remove a connection, and return the pipelines that name it: their jobs will fail.

        Raises:
            NotFound: No such connection.
        """

        def delete(tx: Transaction) -> list[str]:
            record = _get(tx, connection_id)
            tx.vault_connections.delete(connection_id)
            return _uses(tx)[record.name]

        used_by = self.store.write(delete)
        self._forget(connection_id)
        return DeletedVaultConnection(deleted=True, id=connection_id, used_by=used_by)

    def _forget(self, connection_id: int) -> None:
        self.tokens.forget(connection_id)
        self.outages.forget(connection_id)

    def _check(self, record: VaultConnectionRecord) -> None:
        texts = [value for value in msgspec.structs.asdict(record).values() if isinstance(value, str)]
        if not (record.name and record.url and record.role_id and record.secret_id_env):
            raise InvalidRequest("name, url, role_id and secret_id_env are required")
        if any(len(text) > _LONGEST or not text.isprintable() for text in texts):
            raise InvalidRequest(f"fields must be up to {_LONGEST} printable characters")
        if record.auth_method != _APPROLE:
            raise InvalidRequest("auth_method must be approle")
        if record.kv_default_version not in (1, _NEWEST_KV):
            raise InvalidRequest("kv_default_version must be 1 or 2")
        if not _VARIABLE.fullmatch(record.secret_id_env):
            raise InvalidRequest(
                f"secret_id_env must begin with {' or '.join(SECRET_ID_PREFIXES)}",
                hint="only variables with such names are ever sent to a Vault",
            )
        if record.ca_file and not _is_absolute(record.ca_file):
            raise InvalidRequest("ca_file must be an absolute path on the server's machine")
        if climbs(record.approle_mount) or climbs(record.kv_default_mount):
            raise InvalidRequest("mounts must not have the parts . or ..")
        check_url(record.url)
        if not is_allowed(record.url, self.allowed_urls):
            raise InvalidRequest(
                "url is not one of the Vault addresses that this server allows",
                hint="start the server with this address among its --vault-url",
            )


def _check_login_is_given(stored: VaultConnectionRecord, record: VaultConnectionRecord, given: Container[str]) -> None:
    """Refuse to send a secret elsewhere for somebody who does not say which one: it was entrusted to the former address.

    Raises:
        InvalidRequest: The change needs the role and the secret id's variable in the same request.
    """
    moved = [field for field in _WHERE if getattr(stored, field) != getattr(record, field)]
    missing = [field for field in _LOGIN if field not in given]
    if moved and missing:
        raise InvalidRequest(
            f"a change of {', '.join(moved)} needs {' and '.join(missing)} in the same request",
            hint="it sends the secret id elsewhere: say again which role and which variable are meant",
        )


def find_by_name(view: View, name: str) -> VaultConnectionRecord | None:
    return next((record for record in view.vault_connections.iter_all() if record.name == name), None)


def is_allowed(url: str, allowed_urls: Sequence[str]) -> bool:
    """Tell whether secrets may come from *url*: it is listed, or the list is empty."""
    return not allowed_urls or _normal(url) in {_normal(allowed) for allowed in allowed_urls}


def _normal(url: str) -> str:
    scheme, _, rest = url.strip().rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


def check_url(url: str) -> None:
    """Check the address of a Vault.

    Raises:
        InvalidRequest: A Vault can't have this address.
    """
    try:
        split_http(url)
        is_good = not any(character in url for character in "@?#,")
    except ValueError:
        is_good = False
    if not is_good:
        raise InvalidRequest("url must be http:// or https:// with a host, and without user, query or fragment")


def _is_absolute(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _changes(request: VaultConnectionRequest) -> dict[str, Any]:
    """Return the fields that the request has, trimmed. A blank field gets its default."""
    changes: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(request).items():
        if value is None:
            continue
        cleaned = value.strip() if isinstance(value, str) else value
        if name in _MOUNTS:
            cleaned = cleaned.strip("/")
        changes[name] = cleaned or _DEFAULTS.get(name, cleaned)
    return changes


def _get(view: View, connection_id: int) -> VaultConnectionRecord:
    record = view.vault_connections.find(connection_id)
    if record is None:
        raise NotFound("vault connection", hint="`cictl vault list` shows them")
    return record


def _shown(record: VaultConnectionRecord, *, used_by: list[str] | None = None) -> VaultConnection:
    fields = msgspec.structs.asdict(record)
    return VaultConnection(
        used_by=used_by or [], **{key: value for key, value in fields.items() if key not in ("created", "updated")}
    )


def _uses(view: View) -> defaultdict[str, list[str]]:
    """Return the pipelines that name each connection, as `project/pipeline`, sorted."""
    projects = {project.id: project.name for project in view.projects.iter_all()}
    uses: defaultdict[str, set[str]] = defaultdict(set)
    for pipeline in view.pipelines.iter_all():
        for name in _named_by(pipeline.definition):
            uses[name].add(f"{projects.get(pipeline.project_id, '')}/{pipeline.definition.id}")
    return defaultdict(list, {name: sorted(users) for name, users in uses.items()})


def _named_by(pipeline: Pipeline) -> Iterator[str]:
    for job in pipeline.jobs:
        yield from (step.vault.connection for step in job.steps if step.vault is not None)
    if pipeline.versioning is not None and pipeline.versioning.auto_bump_vault is not None:
        yield pipeline.versioning.auto_bump_vault.connection
