"""Tables whose records are looked up by more than their key."""

from __future__ import annotations

from collections.abc import Iterator
from sys import maxsize

from cictl.wire.audit.records import AuditRecord
from cictl_server.store.postgres.documents import NumberedDocuments
from cictl_server.store.postgres.keys import is_number, text_key
from cictl_server.store.postgres.session import Session
from cictl_server.store.postgres.tools import SameSet
from cictl_server.store.records.artifacts import ArtifactsRecord
from cictl_server.store.records.notifications import NotificationRecord
from cictl_server.store.records.projects import ChainRecord, PipelineRecord
from cictl_server.store.records.settings import TokenRecord
from cictl_server.store.tables import Artifacts, Audit, Chains, Notifications, Pipelines, Tokens

_PIPELINES_OF_PROJECT = "SELECT id, document FROM pipelines WHERE project_id = %s"
_TOOLS_OF_PIPELINES = "SELECT DISTINCT unnest(tools) FROM pipelines"
_CHAINS_OF_PROJECT = "SELECT id, document FROM chains WHERE project_id = %s"
_TOKEN_WITH_DIGEST = "SELECT document FROM tokens WHERE digest = %s ORDER BY id DESC LIMIT 1"  # noqa: S105
_HEADS_OF_NOTIFICATIONS = (
    "SELECT DISTINCT ON (waits_in) id, document FROM notifications WHERE waits_in IS NOT NULL ORDER BY waits_in, id"
)
_WAITING_NOTIFICATIONS = "SELECT id, document FROM notifications WHERE waits_in = %s ORDER BY id"
_COUNT_WAITING_NOTIFICATIONS = "SELECT count(*) FROM notifications WHERE waits_in = %s"


class PostgresPipelines(NumberedDocuments[PipelineRecord], Pipelines):
    def __init__(self, session: Session, tools: SameSet) -> None:
        super().__init__(
            session, "pipelines", PipelineRecord, key=lambda pipeline: pipeline.id, columns=("project_id", "tools")
        )
        self._tools = tools

    def of_project(self, project_id: int) -> list[PipelineRecord]:
        rows = self._session.rows(_PIPELINES_OF_PROJECT, project_id) if is_number(project_id) else []
        return sorted(self._decoded(rows), key=lambda pipeline: pipeline.definition.id.encode())

    def required_tools(self) -> frozenset[str]:
        return self._tools.same(name for (name,) in self._session.rows(_TOOLS_OF_PIPELINES))

    def _columns(self, record: PipelineRecord) -> tuple[object, ...]:
        return record.project_id, sorted({tool for job in record.jobs for tool in job.host_tools})


class PostgresChains(NumberedDocuments[ChainRecord], Chains):
    def __init__(self, session: Session) -> None:
        super().__init__(session, "chains", ChainRecord, key=lambda chain: chain.id, columns=("project_id",))

    def of_project(self, project_id: int) -> list[ChainRecord]:
        rows = self._session.rows(_CHAINS_OF_PROJECT, project_id) if is_number(project_id) else []
        return sorted(self._decoded(rows), key=lambda chain: chain.chain_id.encode())

    def _columns(self, record: ChainRecord) -> tuple[object, ...]:
        return (record.project_id,)


class PostgresArtifacts(NumberedDocuments[ArtifactsRecord], Artifacts):
    """Counts the bytes of each project as they change."""

    def __init__(self, session: Session) -> None:
        super().__init__(
            session, "artifacts", ArtifactsRecord, key=lambda artifacts: artifacts.number, key_column="number"
        )

    def bytes_of_project(self, project: str) -> int:
        name = _bytes_counter(project)
        return self._session.counted([name])[name]

    def put(self, record: ArtifactsRecord) -> None:
        self._session.begin_change()
        self._count(self.find(record.number), -1)
        self._count(record, 1)
        super().put(record)

    def delete(self, key: int) -> bool:
        self._count(self.find(key), -1)
        return super().delete(key)

    def _count(self, record: ArtifactsRecord | None, sign: int) -> None:
        if record is not None:
            self._session.count(_bytes_counter(record.project), sign * record.bytes)


class PostgresTokens(NumberedDocuments[TokenRecord], Tokens):
    def __init__(self, session: Session) -> None:
        super().__init__(session, "tokens", TokenRecord, key=lambda token: token.id, columns=("digest",))

    def with_digest(self, digest: str) -> TokenRecord | None:
        document = self._session.value(_TOKEN_WITH_DIGEST, text_key(digest))
        return None if document is None else self._decoder.decode(document)

    def _columns(self, record: TokenRecord) -> tuple[object, ...]:
        return (text_key(record.digest),)


class PostgresAudit(NumberedDocuments[AuditRecord], Audit):
    def __init__(self, session: Session) -> None:
        super().__init__(session, "audit", AuditRecord, key=lambda record: record.id)

    def oldest_first(self, *, after: int = 0) -> Iterator[AuditRecord]:
        return self._ascending(after=after)

    def newest_first(self, *, before: int | None = None) -> Iterator[AuditRecord]:
        return self._descending(before=maxsize if before is None else before)


class PostgresNotifications(NumberedDocuments[NotificationRecord], Notifications):
    def __init__(self, session: Session) -> None:
        super().__init__(
            session, "notifications", NotificationRecord, key=lambda record: record.id, columns=("waits_in",)
        )

    def heads(self) -> list[NotificationRecord]:
        return list(self._decoded(self._session.rows(_HEADS_OF_NOTIFICATIONS)))

    def waiting_in(self, queue: str) -> list[NotificationRecord]:
        return list(self._decoded(self._session.rows(_WAITING_NOTIFICATIONS, text_key(queue))))

    def count_waiting(self, queue: str) -> int:
        return int(self._session.value(_COUNT_WAITING_NOTIFICATIONS, text_key(queue)))

    def newest_first(self, *, before: int | None = None) -> Iterator[NotificationRecord]:
        return self._descending(before=maxsize if before is None else before)

    def _columns(self, record: NotificationRecord) -> tuple[object, ...]:
        return (text_key(record.queue) if record.waits else None,)


def _bytes_counter(project: str) -> str:
    return f"artifact bytes of {text_key(project)}"
