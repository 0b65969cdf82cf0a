"""Copying logs, with proof that the same bytes came."""

from __future__ import annotations

from io import BufferedReader

import msgspec

from cictl_server.log_writer.content import stream
from cictl_server.log_writer.contract import LogWriter, Notes, WholeLog
from cictl_server.store.records.jobs import JobRecord
from cictl_server.transfer.errors import CopyDiffers
from cictl_server.transfer.files import digest_of


def copy_log(source: LogWriter, target: LogWriter, job: JobRecord) -> list[int]:
    """Copy the log of the present attempt, as far as its bytes count, and return its size if there is one.

    Raises:
        CopyDiffers: Other bytes came out of the target than went in.
    """
    log = _log_of(source, job)
    if not (log.size or log.notes.steps or log.notes.arrivals):
        target.delete(log.name)
        return []
    if not _is_there(target, log):
        target.receive(log, _content(source, log))
    if _digest(source, log) != _digest(target, log):
        raise CopyDiffers(f"the log {log.name}")
    return [log.size]


def _log_of(source: LogWriter, job: JobRecord) -> WholeLog:
    name, is_over = job.log_name, job.status.is_terminal
    size = source.size(name)
    return WholeLog(
        name=name,
        size=min(size, job.log_size) if is_over else size,
        undecided=0 if is_over else size - source.shown_size(name),
        notes=source.index.notes(name),
        is_finished=is_over,
        project=job.project_key,
    )


def _is_there(target: LogWriter, log: WholeLog) -> bool:
    sizes = target.size(log.name), target.shown_size(log.name)
    return sizes == (log.size, log.size - log.undecided) and _timed(target.index.notes(log.name)) == _timed(log.notes)


def _timed(notes: Notes) -> Notes:
    """Return what has to be the same at both ends; lines are marked again where marks are missing."""
    return msgspec.structs.replace(notes, lines=[])


def _digest(writer: LogWriter, log: WholeLog) -> str:
    return digest_of(_content(writer, log))


def _content(writer: LogWriter, log: WholeLog) -> BufferedReader:
    return stream(lambda offset, limit: writer.read(log.name, offset=offset, limit=limit), log.size)
