"""`Idempotency-Key`: a client repeats a request, and its work is done once."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta

import msgspec

from cictl.base.clock import Clock
from cictl.base.urls import without_user_infos
from cictl.wire.problems import BEING_ANSWERED
from cictl_server.errors import Conflict, IdempotencyKeyReused
from cictl_server.services.core.kept_answers import KeptAnswers
from cictl_server.signals.contract import Members
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.settings import AnswerRecord

LIFETIME = timedelta(hours=24)
"""How long an answer is kept."""

LONGEST_BODY = 64 << 10
"""The largest answer in bytes that is kept whole. Of a larger one it is kept that it was given."""


class KeyedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request with a key.

    Attributes:
        caller: Who sent it; others may use the same key for requests of their own.
        key: The client's key.
        query: As it was sent, without `?`.
        body_digest: SHA-256 of the body.
    """

    caller: str
    method: str
    path: str
    key: str
    query: str = ""
    body_digest: str = ""

    @property
    def answer_id(self) -> str:
        """The id of its answer. Requests that differ in one of these are different requests."""
        return _digest(self.caller, self.method, self.path, self.key)

    @property
    def content(self) -> str:
        """A digest of all else. A repeat has the same."""
        return _digest(self.query, self.body_digest)


class IdempotencyService:
    """Remembers answers by caller, address and key.

    A request is stored before its work begins, so it never runs twice, even if the server dies in between, and whichever
    server gets a repeat. One that is stored without an answer is being answered if it is in `_running`, or if another server
    began it that lives; else it was interrupted. What is stored and what is in `_running` change under one lock, taken before
    the transaction: a repeat that came between the two changes would be told the wrong one.

    Each server bounds the answers that it gave to its part of what all servers may keep together. `sweep` also finds those of servers that
    have ended.
    """

    def __init__(self, *, store: Store, clock: Clock, members: Members) -> None:
        self._store = store
        self._clock = clock
        self._members = members
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._kept = KeptAnswers()
        with store.read() as view:
            for answer in sorted(view.answers.iter_all(), key=lambda answer: answer.created):
                self._kept.add(answer.key, caller=answer.caller, created=answer.created, size=_size(answer.body))

    def begin(self, request: KeyedRequest) -> AnswerRecord | str:
        """Return the answer that an earlier request got; if there was none, the id for `finish` or `abandon`.

        Raises:
            IdempotencyKeyReused: The earlier request had another query or body.
            Conflict: The earlier request is still being answered, a stop of the server interrupted it, or its answer was
                too large to be kept.
        """
        answer_id = request.answer_id
        with self._lock:
            known = self._store.look(lambda view: view.answers.find(answer_id))
            if known is not None:
                return self._answer_again(known, request)
            self._make_room(request.caller)
            now = self._clock()
            begun = AnswerRecord(
                key=answer_id,
                caller=request.caller,
                server=self._members.own.instance_id,
                content=request.content,
                created=now,
            )
            known = self._store.write(lambda tx: _put_unless_known(tx, begun))
            if known is not None:  # another server was faster
                return self._answer_again(known, request)
            self._kept.add(answer_id, caller=request.caller, created=now, size=0)
            self._running.add(answer_id)
        return answer_id

    def finish(self, answer_id: str, *, status: int, content_type: str, body: str) -> None:
        """Store the answer for repeats. In that of a refusal, URLs lose their user info as in everything that is stored."""
        if status >= 400:
            body = without_user_infos(body)
        size = _size(body)
        kept, omitted = (body, 0) if size <= LONGEST_BODY else ("", size)

        def store(tx: Transaction) -> bool:
            known = tx.answers.find(answer_id)
            if known is None:
                return False
            tx.answers.put(
                msgspec.structs.replace(
                    known, status=status, content_type=content_type, body=kept, omitted_bytes=omitted
                )
            )
            return True

        with self._lock:
            self._running.discard(answer_id)
            if self._store.write(store):
                self._kept.resize(answer_id, _size(kept))

    def abandon(self, answer_id: str) -> None:
        """Forget a request that changed nothing, so that a repeat may try again."""
        with self._lock:
            self._running.discard(answer_id)
            self._forget([answer_id])

    def expire(self) -> None:
        """Forget the answers of this server that are older than `LIFETIME`."""
        with self._lock:
            self._forget(self._kept.older_than(self._clock() - LIFETIME))

    def sweep(self) -> None:
        """Forget the answers of all servers together that are too old or too many; one server does so now and then, as it reads all."""
        kept, running = self._count_all()
        old = kept.older_than(self._clock() - LIFETIME)
        kept.remove(old)
        with self._lock:
            self._forget([*old, *kept.excess(needed=running)])

    def _count_all(self) -> tuple[KeptAnswers, set[str]]:
        """Return what is kept of all servers, and which of that is of requests that are being answered."""
        running = set()
        with self._store.read() as view:
            found = []
            for answer in view.answers.iter_all():
                found.append((answer.created, answer.key, answer.caller, _size(answer.body)))
                if not answer.status and self._is_running(answer):
                    running.add(answer.key)
        kept = KeptAnswers()
        for created, key, caller, size in sorted(found):
            kept.add(key, caller=caller, created=created, size=size)
        return kept, running

    def _answer_again(self, known: AnswerRecord, request: KeyedRequest) -> AnswerRecord:
        if known.content != request.content:
            raise IdempotencyKeyReused
        if known.omitted_bytes:
            raise Conflict(
                f"the request with this Idempotency-Key was answered with {known.status}; "
                f"the {known.omitted_bytes} bytes of that answer were too many to be kept",
                hint="look at what it did; then use a new key",
            )
        if known.status:
            return known
        if self._is_running(known):
            raise Conflict(BEING_ANSWERED, hint="repeat it in a second")
        raise Conflict(
            "a request with this Idempotency-Key was interrupted",
            hint="look whether it took effect; then use a new key",
        )

    def _is_running(self, answer: AnswerRecord) -> bool:
        """Tell whether a request that has no answer yet will get one."""
        is_of_another = answer.server != self._members.own.instance_id
        return answer.key in self._running or (is_of_another and self._members.is_alive(answer.server))

    def _make_room(self, caller: str) -> None:
        members = self._members
        alive = sum(members.is_alive(member.instance_id) for member in members.all())
        self._forget(self._kept.too_many(caller, needed=self._running, servers=max(1, alive)))

    def _forget(self, answer_ids: list[str]) -> None:
        if not answer_ids:
            return

        def forget(tx: Transaction) -> None:
            for answer_id in answer_ids:
                tx.answers.delete(answer_id)

        self._store.write(forget)
        self._kept.remove(answer_ids)


def _put_unless_known(tx: Transaction, begun: AnswerRecord) -> AnswerRecord | None:
    """Store *begun*; if there is an answer with its key already, return that instead."""
    known = tx.answers.find(begun.key)
    if known is None:
        tx.answers.put(begun)
    return known


def _digest(*parts: str) -> str:
    """Return a digest of *parts* that tells where each ends."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _size(body: str) -> int:
    return len(body.encode())
