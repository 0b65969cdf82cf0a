"""The tables of one transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cictl_server.store.contract import Transaction, View
from cictl_server.store.postgres.documents import NamedDocuments, NumberedDocuments
from cictl_server.store.postgres.jobs import PostgresJobs
from cictl_server.store.postgres.runs import PostgresRuns
from cictl_server.store.postgres.session import Session
from cictl_server.store.postgres.tables import (
    PostgresArtifacts,
    PostgresAudit,
    PostgresChains,
    PostgresPipelines,
    PostgresTokens,
)
from cictl_server.store.postgres.tools import SameSet
from cictl_server.store.postgres.tried import PostgresTests
from cictl_server.store.records import (
    AgentRecord,
    AnswerRecord,
    ProjectRecord,
    ScheduleRecord,
    SecretRecord,
    SettingRecord,
    VaultConnectionRecord,
)


class KeptSets:
    """What outlives a transaction: the sets that stay the same object while they are equal."""

    def __init__(self) -> None:
        self.queued_tools = SameSet()
        self.pipeline_tools = SameSet()


class PostgresTransaction(Transaction):
    """The tables over one session.

    Attributes:
        actions: What is to be done after the commit.
    """

    def __init__(self, session: Session, kept: KeptSets) -> None:
        self._session = session
        self.runs = PostgresRuns(session)
        self.jobs = PostgresJobs(session, kept.queued_tools, self.runs)
        self.tests = PostgresTests(session)
        self.agents = NamedDocuments(session, "agents", AgentRecord, key=lambda agent: agent.agent_id)
        self.projects = NumberedDocuments(session, "projects", ProjectRecord, key=lambda project: project.id)
        self.pipelines = PostgresPipelines(session, kept.pipeline_tools)
        self.chains = PostgresChains(session)
        self.artifacts = PostgresArtifacts(session)
        self.settings = NamedDocuments(session, "settings", SettingRecord, key=lambda setting: setting.key)
        self.answers = NamedDocuments(session, "answers", AnswerRecord, key=lambda answer: answer.key)
        self.vault_connections = NumberedDocuments(
            session, "vault_connections", VaultConnectionRecord, key=lambda connection: connection.id
        )
        self.secrets = NumberedDocuments(session, "secrets", SecretRecord, key=lambda secret: secret.id)
        self.schedules = NumberedDocuments(session, "schedules", ScheduleRecord, key=lambda schedule: schedule.id)
        self.tokens = PostgresTokens(session)
        self.audit = PostgresAudit(session)
        self.actions: list[Callable[[], None]] = []

    def foresee(self, *questions: Callable[[View], object]) -> None:
        self._session.foresee([partial(question, self) for question in questions])

    def after_commit(self, action: Callable[[], None]) -> None:
        self.actions.append(action)
