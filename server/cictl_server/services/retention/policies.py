"""The limits of retention: those of all projects, and those that a project has of its own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cictl.wire.admin.retention import Limit, ProjectRetention, RetentionChange, RetentionPolicies, RetentionPolicy
from cictl.wire.codec import Message, decode, encode
from cictl_server.errors import NotFound
from cictl_server.services.core.deeds import note_details
from cictl_server.services.core.names import find_project_called
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.projects import ProjectRecord
from cictl_server.store.records.settings import SettingRecord

_KEY = "retention"
"""The setting with the limits of all projects; a project's own ones are in `retention/ID`."""

DEFAULT = RetentionPolicy(keep_runs=1000, keep_days=0, artifact_days=90, log_days=0)


class _Own(Message):
    """The limits that are stored for one scope; None is left to the wider scope."""

    keep_runs: Limit | None = None
    keep_days: Limit | None = None
    artifact_days: Limit | None = None
    log_days: Limit | None = None

    @property
    def given(self) -> dict[str, int]:
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if value is not None}


class PolicyService(msgspec.Struct, frozen=True, kw_only=True):
    store: Store

    def show(self) -> RetentionPolicies:
        """Return all limits, those of projects by name."""
        with self.store.read() as view:
            default, found = _default(view), []
            for project in view.projects.iter_all():
                if own := _own(view, _key(project)).given:
                    policy = msgspec.structs.replace(default, **own)
                    found.append(
                        ProjectRetention(project=project.name, project_id=project.id, policy=policy, own=list(own))
                    )
        return RetentionPolicies(default=default, projects=sorted(found, key=lambda one: one.project))

    def change(self, change: RetentionChange) -> RetentionPolicies:
        """Store limits, and return all that hold then.

        Raises:
            NotFound: No such project.
            Conflict: Several projects have that name.
        """
        self.store.write(lambda tx: _store(tx, change))
        return self.show()

    def current(self, view: View) -> Callable[[str], RetentionPolicy]:
        """Return a function from the id of a project, as a text, to its limits; for an unknown one those of all projects."""
        default = _default(view)
        own = {str(project.id): _own(view, _key(project)).given for project in view.projects.iter_all()}
        policies = {id_: msgspec.structs.replace(default, **given) for id_, given in own.items() if given}
        return lambda project_id: policies.get(project_id, default)


def _store(tx: Transaction, change: RetentionChange) -> None:
    key = _key(_project(tx, change.project)) if change.project else _KEY
    before = {} if change.reset else _own(tx, key).given
    after = _Own(**before | _given(change))
    tx.settings.put(SettingRecord(key=key, value=encode(after).decode()))
    note_details(project=change.project, reset=change.reset or "", **_given(change))


def _given(change: RetentionChange) -> dict[str, int]:
    values = {name: getattr(change, name) for name in RetentionPolicy.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None}


def _key(project: ProjectRecord) -> str:
    return f"{_KEY}/{project.id}"


def _own(view: View, key: str) -> _Own:
    stored = view.settings.find(key)
    return decode(stored.value.encode(), _Own) if stored else _Own()


def _default(view: View) -> RetentionPolicy:
    return msgspec.structs.replace(DEFAULT, **_own(view, _KEY).given)


def _project(tx: Transaction, name: str) -> ProjectRecord:
    found = find_project_called(tx, name)
    if found is None:
        raise NotFound("project")
    return found
