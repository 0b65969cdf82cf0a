"""Writing the audit. Nothing else does; a record is written in the transaction whose change it tells, if there is one."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from cictl.base.clock import Clock
from cictl.base.typed_json import read_json_as
from cictl.wire.audit.chain import sealed
from cictl.wire.audit.records import AuditAction, AuditOutcome, AuditRecord, ChainEnds
from cictl_server.errors import StoreError
from cictl_server.services.audit.refusals import RefusalBudget, Verdict
from cictl_server.services.core.deeds import Deed, begin_deed, deed_of_system, mark_notes, note_details, present_deed
from cictl_server.services.core.hub import Hub
from cictl_server.signals.topics import AUDIT
from cictl_server.store.contract import Store, Transaction, View
from cictl_server.store.records.settings import SettingRecord

logger = logging.getLogger(__name__)

_ENDS = "audit_chain"
"""The setting with the ends of the chain, as JSON. A reader compares them with the records."""
_SLACK = timedelta(days=1)
_STEP = 1000
"""Records removed in one transaction: others wait no longer than for these."""


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """The chain of records.

    Attributes:
        kept: How long records are kept; 0 for ever.
    """

    store: Store
    clock: Clock
    hub: Hub
    budget: RefusalBudget
    kept: timedelta

    def attach(self) -> None:
        """Let each transaction that carries out a deed record it, so that there is neither without the other."""
        self.store.before_rerun(mark_notes)
        self.store.before_commit(self._record_present)

    def finish(self, deed: Deed, outcome: AuditOutcome) -> None:
        """End a deed: record it if no transaction did, or if it failed after one had.

        Nothing is raised: what was done is done, and the caller must learn how it went.
        """
        begin_deed(None)
        if deed.is_recorded and outcome is AuditOutcome.SUCCESS:
            return
        if outcome is AuditOutcome.FAILED and self._verdict(deed, AuditOutcome.FAILED) is not Verdict.RECORD:
            return
        self._write(deed, outcome)

    def refuse(self, deed: Deed) -> None:
        """Record a refusal, unless there are too many; then record that, once a minute."""
        verdict = self._verdict(deed, AuditOutcome.REFUSED)
        if verdict is Verdict.RECORD_LIMIT:
            deed.action = AuditAction.AUTH_LIMITED
        if verdict is not Verdict.LEAVE_OUT:
            self._write(deed, AuditOutcome.REFUSED)

    def limit(self, deed: Deed) -> None:
        """Record that an address sent so many wrong tokens that it is told no more, once a minute."""
        if self.budget.spend(f"limited {deed.origin.address}", self.clock(), most=1) is Verdict.RECORD:
            self._write(deed, AuditOutcome.REFUSED)

    def tell(self, action: AuditAction, **details: object) -> None:
        """Record what the server did by itself, in more than one transaction. Nothing is raised."""
        with deed_of_system(action) as deed:
            deed.add_details(details)
        self._write(deed, AuditOutcome.SUCCESS)

    def prune(self) -> int:
        """Remove the records that are older than `kept`, the oldest first, and return their number.

        The hash of the last one stays, so that the rest can still be checked.
        """
        removed = 0
        if self._is_due():
            while step := self._prune_step(before=self.clock() - self.kept):
                removed += step
        return removed

    def _is_due(self) -> bool:
        """Tell whether the oldest record is a day too old: then one removal tells of many, and is not one for one."""
        if not self.kept:
            return False
        with self.store.read() as view:
            oldest = next(view.audit.oldest_first(), None)
        return oldest is not None and oldest.time_utc < self.clock() - self.kept - min(_SLACK, self.kept / 10)

    def _prune_step(self, *, before: datetime) -> int:
        def prune(tx: Transaction) -> int:
            old = [one for one in islice(tx.audit.oldest_first(), _STEP) if one.time_utc < before]
            if old:
                _remove(tx, old)
                note_details(removed=len(old), last_id=old[-1].id)
            return len(old)

        with deed_of_system(AuditAction.AUDIT_PRUNED):
            return self.store.write(prune)

    def _verdict(self, deed: Deed, outcome: AuditOutcome) -> Verdict:
        caller = deed.actor.id or deed.origin.address
        return self.budget.spend(f"{outcome} {caller}", self.clock())

    def _record_present(self, tx: Transaction) -> None:
        deed = present_deed()
        if deed is not None and deed.is_ripe:
            self._append(tx, deed, AuditOutcome.SUCCESS)
            tx.after_commit(deed.note_recorded)

    def _write(self, deed: Deed, outcome: AuditOutcome) -> None:
        try:
            self.store.write(lambda tx: self._append(tx, deed, outcome))
        except StoreError as error:
            logger.error("not audited action=%s outcome=%s actor=%s: %s", deed.action, outcome, deed.actor.name, error)  # noqa: TRY400

    def _append(self, tx: Transaction, deed: Deed, outcome: AuditOutcome) -> None:
        ends = chain_ends(tx)
        record = AuditRecord(
            id=tx.audit.next_id(),
            time_utc=self.clock(),
            actor=deed.actor,
            action=deed.action,
            outcome=outcome,
            targets=list(deed.targets),
            origin=deed.origin,
            method=deed.method,
            path=deed.path,
            request_id=deed.request_id,
            details=dict(deed.details),
        )
        record = sealed(record, prev_hash=ends.last_hash)
        tx.audit.put(record)
        _put_ends(tx, msgspec.structs.replace(ends, last_id=record.id, last_hash=record.hash))
        tx.after_commit(lambda: self.hub.publish(AUDIT))


def chain_ends(view: View) -> ChainEnds:
    """Return where the chain begins and ends."""
    setting = view.settings.find(_ENDS)
    return read_json_as(setting.value, ChainEnds) if setting else ChainEnds()


def _put_ends(tx: Transaction, ends: ChainEnds) -> None:
    tx.settings.put(SettingRecord(key=_ENDS, value=msgspec.json.encode(ends).decode()))


def _remove(tx: Transaction, records: Iterable[AuditRecord]) -> None:
    ends = chain_ends(tx)
    for record in records:
        tx.audit.delete(record.id)
        ends = msgspec.structs.replace(ends, removed_id=record.id, removed_hash=record.hash)
    _put_ends(tx, ends)
