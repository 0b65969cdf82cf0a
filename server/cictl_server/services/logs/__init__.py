"""The output of executions, read by byte offset."""

from __future__ import annotations

import msgspec

from cictl_server.log_writer.contract import LogWriter
from cictl_server.services.core import Core
from cictl_server.services.logs.book import LogBook
from cictl_server.services.logs.finishing import LogFinisher
from cictl_server.services.logs.line_index import LineIndex
from cictl_server.services.secrets import Secrets


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    book: LogBook
    finisher: LogFinisher
    lines: LineIndex

    @classmethod
    def build(cls, core: Core, secrets: Secrets, writer: LogWriter, *, limit: int) -> Logs:
        return cls(
            book=LogBook(writer, secrets.masks, clock=core.clock, limit=limit),
            finisher=LogFinisher(store=core.store, writer=writer),
            lines=LineIndex(writer.index),
        )
