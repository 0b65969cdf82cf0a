"""The tables of one transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cictl_server.store.contract import Transaction, View
from cictl_server.store.postgres.documents import NamedDocuments, NumberedDocuments
from cictl_server.store.postgres.jobs import PostgresJobs
from cictl_server.store.postgres.runs import PostgresRuns
from cictl_server.store.postgres.session import Session
from cictl_server.store.postgres.tables import (
    PostgresArtifacts,
    PostgresAudit,
    PostgresChains,
    PostgresNotifications,
    PostgresPipelines,
    PostgresTokens,
)
from cictl_server.store.postgres.tools import SameSet
from cictl_server.store.postgres.tried import PostgresTests
from cictl_server.store.records.agents import AgentRecord
from cictl_server.store.records.projects import ProjectRecord, ScheduleRecord
from cictl_server.store.records.secrets import SecretRecord, VaultConnectionRecord
from cictl_server.store.records.settings import AnswerRecord, SettingRecord
from cictl_server.store.records.statuses import StatusRecord


class KeptSets:
    """What outlives a transaction: the sets that stay the same object while they are equal."""

    def __init__(self) -> None:
        self.queued_tools = SameSet()
        self.pipeline_tools = SameSet()


class PostgresTransaction(Transaction):
    """The tables over one session. Most transactions look at two or three of them, so each is made when it is asked for.

    Attributes:
        actions: What is to be done after the commit.
    """

    def __init__(self, session: Session, kept: KeptSets) -> None:
        self._session = session
        self._kept = kept
        self.actions: list[Callable[[], None]] = []

    def __getattr__(self, name: str) -> Any:
        """Make the table *name*, which is an attribute from then on."""
        make = _TABLES.get(name)
        if make is None:
            raise AttributeError(name)
        table = make(self._session, self._kept, self)
        setattr(self, name, table)
        return table

    def foresee(self, *questions: Callable[[View], object]) -> None:
        self._session.foresee([partial(question, self) for question in questions])

    def after_commit(self, action: Callable[[], None]) -> None:
        self.actions.append(action)


_TABLES: dict[str, Callable[[Session, KeptSets, View], object]] = {
    "jobs": lambda session, kept, view: PostgresJobs(session, kept.queued_tools, view.runs),
    "runs": lambda session, _kept, _view: PostgresRuns(session),
    "tests": lambda session, _kept, _view: PostgresTests(session),
    "agents": lambda session, _kept, _view: NamedDocuments(
        session, "agents", AgentRecord, key=lambda one: one.agent_id
    ),
    "projects": lambda session, _kept, _view: NumberedDocuments(
        session, "projects", ProjectRecord, key=lambda one: one.id
    ),
    "pipelines": lambda session, kept, _view: PostgresPipelines(session, kept.pipeline_tools),
    "chains": lambda session, _kept, _view: PostgresChains(session),
    "artifacts": lambda session, _kept, _view: PostgresArtifacts(session),
    "settings": lambda session, _kept, _view: NamedDocuments(
        session, "settings", SettingRecord, key=lambda one: one.key
    ),
    "answers": lambda session, _kept, _view: NamedDocuments(session, "answers", AnswerRecord, key=lambda one: one.key),
    "vault_connections": lambda session, _kept, _view: NumberedDocuments(
        session, "vault_connections", VaultConnectionRecord, key=lambda one: one.id
    ),
    "secrets": lambda session, _kept, _view: NumberedDocuments(
        session, "secrets", SecretRecord, key=lambda one: one.id
    ),
    "schedules": lambda session, _kept, _view: NumberedDocuments(
        session, "schedules", ScheduleRecord, key=lambda one: one.id
    ),
    "statuses": lambda session, _kept, _view: NamedDocuments(
        session, "statuses", StatusRecord, key=lambda one: one.key
    ),
    "tokens": lambda session, _kept, _view: PostgresTokens(session),
    "audit": lambda session, _kept, _view: PostgresAudit(session),
    "notifications": lambda session, _kept, _view: PostgresNotifications(session),
}
"""What makes each table of a `View`."""
