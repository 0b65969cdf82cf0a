"""Statements that are sent one after the other, without waiting for the answers of those before.

psycopg has a pipeline too. It looks at the socket at each statement, and lets go of the interpreter's lock each time: with many threads that takes longer
than all the rest of a statement. So this one talks to libpq itself, and waits only for what is asked for. Values and rows are converted by psycopg's adapters.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
from psycopg import Connection, errors, pq
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready, Wait

Row = tuple[Any, ...]
Params = Sequence[Any] | Mapping[str, Any]

STATEMENTS = 1000
"""So many statements are kept in the form that PostgreSQL takes: more than there are."""

_PLACE = re.compile(r"%(?:%|(?:\((\w+)\))?([sbt]))")
_FORMATS = {"s": PyFormat.AUTO, "b": PyFormat.BINARY, "t": PyFormat.TEXT}


class PreparingConnection(Connection):
    """A connection that knows what is prepared on it by `Pipeline`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.can_prepare = True
        """Whether the next transaction finds what is prepared, which a pooler does not promise."""
        self.prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        """The names of statements with the types of their values."""
        self.numbers = itertools.count()
        """Make names of statements."""
        self.adapts = Transformer(self)
        """Converts values and rows."""


class _Statement(NamedTuple):
    """A statement as PostgreSQL takes it: with `$1` for a value. `names` has those of its values if they are named."""

    text: bytes
    formats: tuple[PyFormat, ...]
    names: tuple[str, ...]

    def values(self, given: Params) -> Sequence[Any]:
        if isinstance(given, Mapping):
            return [given[name] for name in self.names]
        assert len(given) == len(self.formats), self.text
        return given


class Answer:
    """What PostgreSQL answers to one statement."""

    def __init__(self, pipeline: Pipeline, key: tuple[bytes, tuple[int, ...]] | None = None, name: bytes = b"") -> None:
        """With a *key* it is the answer to preparing that statement under this *name*."""
        self._pipeline = pipeline
        self._result: PGresult | None = None
        self._prepares = key
        self._name = name

    def rows(self) -> list[Row]:
        """Return its rows. If they are not there, wait for all that was sent up to now.

        Raises:
            psycopg.Error: It failed, or another one.
        """
        if self._result is None:
            self._pipeline.wait()
        assert self._result is not None
        return self._pipeline.load(self._result)

    def take(self, result: PGresult) -> None:
        """Keep what has come.

        Raises:
            psycopg.Error: It is an error.
        """
        self._result = result
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result)
        if result.status == pq.ExecStatus.PIPELINE_ABORTED:
            raise errors.PipelineAborted("a statement before it failed")
        if self._prepares is not None:
            self._pipeline.note_prepared(self._prepares, self._name)


class Pipeline:
    """A conversation over one connection, which nobody else uses in the block. The end of the block waits for all answers."""

    def __init__(self, connection: Connection) -> None:
        """Talk over *connection*, which a pool of `Database` has lent."""
        assert isinstance(connection, PreparingConnection)
        self._connection = connection
        self._libpq = connection.pgconn
        self._adapts = connection.adapts
        self._waiting: deque[Answer] = deque()
        self._new_names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        """Names of statements that are being prepared."""

    def __enter__(self) -> Self:
        self._libpq.enter_pipeline_mode()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, raised: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            self._end()
        except psycopg.Error:
            if raised is None:
                raise

    def send(self, statement: str, given: Params = (), *, is_binary: bool = False) -> Answer:
        """Send one statement with its values; its rows come in PostgreSQL's binary form if *is_binary*."""
        text, formats, _ = numbered = _numbered(statement)
        if not formats:
            return self._send(text, (), (), (), is_binary)
        data = self._adapts.dump_sequence(numbered.values(given), formats)
        assert self._adapts.types is not None
        assert self._adapts.formats is not None
        return self._send(text, data, self._adapts.types, self._adapts.formats, is_binary)

    def wait(self) -> None:
        """Wait for all answers, in one round trip.

        Raises:
            psycopg.Error: The first one that is an error.
        """
        self._libpq.send_flush_request()
        self._connection.wait(self._receive(is_end=False))

    def load(self, result: PGresult) -> list[Row]:
        self._adapts.set_pgresult(result)
        return self._adapts.load_rows(0, result.ntuples, tuple)

    def note_prepared(self, key: tuple[bytes, tuple[int, ...]], name: bytes) -> None:
        self._connection.prepared[key] = name

    def _send(
        self,
        text: bytes,
        data: Sequence[Any],
        types: tuple[int, ...],
        formats: Sequence[pq.Format],
        is_binary: bool,
    ) -> Answer:
        form = pq.Format.BINARY if is_binary else pq.Format.TEXT
        if self._connection.can_prepare:
            self._libpq.send_query_prepared(self._name_of(text, types), data, formats, form)
        else:
            self._libpq.send_query_params(text, data, types, formats, form)
        return self._expect(Answer(self))

    def _name_of(self, text: bytes, types: tuple[int, ...]) -> bytes:
        """Return the name under which a statement is prepared, or will be before what is sent next."""
        key = (text, types)
        name = self._connection.prepared.get(key) or self._new_names.get(key)
        if name is None:
            name = self._new_names[key] = b"cictl_%d" % next(self._connection.numbers)
            self._libpq.send_prepare(name, text, types)
            self._expect(Answer(self, key, name))
        return name

    def _expect(self, answer: Answer) -> Answer:
        self._waiting.append(answer)
        return answer

    def _receive(self, *, is_end: bool) -> PQGen[None]:
        """Receive all answers, and that to the end of the pipeline too if it *is_end*."""
        yield from self._flush()
        while is_end or self._waiting:
            while self._libpq.is_busy():
                yield Wait.R
                self._libpq.consume_input()
            result = self._libpq.get_result()
            if result is None:  # the end of one answer
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return
            self._waiting.popleft().take(result)

    def _flush(self) -> PQGen[None]:
        while self._libpq.flush():
            ready = yield Wait.RW
            if ready & Ready.R:
                self._libpq.consume_input()

    def _end(self) -> None:
        """Wait for what is left.

        Raises:
            psycopg.Error: The first of these answers that is an error.
        """
        if self._libpq.status == pq.ConnStatus.BAD:
            raise errors.OperationalError("the connection is lost")
        self._libpq.pipeline_sync()
        first: psycopg.Error | None = None
        while True:
            try:
                self._connection.wait(self._receive(is_end=True))
                break
            except psycopg.Error as error:
                first = first or error
                if self._libpq.status == pq.ConnStatus.BAD:
                    raise first from None
        self._libpq.exit_pipeline_mode()
        if first is not None:
            raise first


@lru_cache(maxsize=STATEMENTS)
def _numbered(statement: str) -> _Statement:
    formats: list[PyFormat] = []
    places: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name, form = match.groups()
        if form is None:
            return "%"
        if name in places:
            return f"${places[name]}"
        formats.append(_FORMATS[form])
        if name is not None:
            places[name] = len(formats)
        return f"${len(formats)}"

    return _Statement(_PLACE.sub(number, statement).encode(), tuple(formats), tuple(places))
