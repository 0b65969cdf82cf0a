"""Records of the audit as tables and as lines."""

from __future__ import annotations

from cictl.base.text.plain import plain
from cictl.cli.output.table import Column
from cictl.cli.output.text import iso
from cictl.wire.audit.records import AuditRecord, AuditTarget

AUDIT_COLUMNS: tuple[Column[AuditRecord], ...] = (
    Column("TIME", lambda r: iso(r.time_utc)),
    Column("ACTOR", lambda r: actor_text(r)),
    Column("ACTION", lambda r: r.action),
    Column("OUTCOME", lambda r: r.outcome),
    Column("TARGETS", lambda r: targets_text(r), folds=True),
    Column("CLIENT", lambda r: r.origin.client, wide=True),
    Column("ADDRESS", lambda r: r.origin.address, wide=True),
    Column("REQUEST", lambda r: r.request_id, wide=True),
    Column("ID", lambda r: r.id, wide=True),
    Column("DETAILS", lambda r: details_text(r), wide=True, folds=True),
)


def actor_text(record: AuditRecord) -> str:
    """Return the name of the actor; its kind if it has none."""
    return record.actor.name or record.actor.kind


def targets_text(record: AuditRecord) -> str:
    return ", ".join(map(_target_text, record.targets))


def details_text(record: AuditRecord) -> str:
    return ", ".join(f"{key}={value}" for key, value in record.details.items())


def audit_line(record: AuditRecord) -> str:
    """Return *record* as one line for people who follow."""
    parts = (iso(record.time_utc), actor_text(record), record.action, record.outcome, targets_text(record))
    return plain("  ".join(filter(None, parts)))


def _target_text(target: AuditTarget) -> str:
    return f"{target.kind} {target.name} ({target.id})" if target.name else f"{target.kind} {target.id}"
