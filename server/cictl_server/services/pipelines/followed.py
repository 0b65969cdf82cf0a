"""Runs after whose success others start, until that is done: those of pipelines that an `on.after` names."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cictl.project_file import Pipeline
from cictl.wire.codec import Message, decode, encode
from cictl.wire.projects import RunRequest
from cictl_server.store.contract import Transaction, View
from cictl_server.store.records.settings import SettingRecord

_KEY = "followed_runs"
"""The setting that has all of them, so that whoever looks whether one is over looks up one thing."""


class _Followed(Message):
    """The numbers of the runs, the oldest first."""

    runs: list[int] = msgspec.field(default_factory=list)


def followers(pipelines: Iterable[Pipeline], pipeline_id: str) -> list[Pipeline]:
    """Return those of *pipelines* that start after the success of one of them."""
    return [pipeline for pipeline in pipelines if pipeline.on is not None and pipeline_id in pipeline.on.after]


def is_whole(request: RunRequest) -> bool:
    """Tell whether a run is of a whole pipeline, and no dry one: the success of anything less starts nothing."""
    is_part = request.pipeline_job_id or request.matrix_name or request.matrix_index is not None
    return not is_part and not request.dry_run


def followed_runs(view: View) -> list[int]:
    """Return the numbers of the runs whose end is awaited, the oldest first."""
    setting = view.settings.find(_KEY)
    return decode(setting.value.encode(), _Followed).runs if setting else []


def note_followed(tx: Transaction, run_number: int) -> None:
    """Note that others start after the success of a run."""
    _put(tx, [*followed_runs(tx), run_number])


def forget_followed(tx: Transaction, run_number: int) -> bool:
    """Note that nothing more starts after a run; return False if that was noted before."""
    runs = followed_runs(tx)
    if run_number not in runs:
        return False
    _put(tx, [number for number in runs if number != run_number])
    return True


def _put(tx: Transaction, runs: list[int]) -> None:
    tx.settings.put(SettingRecord(key=_KEY, value=encode(_Followed(runs=runs)).decode()))
