"""What becomes of executions: their states, and what the end of one means for those that wait for it."""

from __future__ import annotations

import msgspec

from cictl_server.log_writer.contract import LogWriter
from cictl_server.services.core import Core
from cictl_server.services.history.lifecycle import shown_log_size
from cictl_server.services.history.run_limits import RunLimits
from cictl_server.services.history.settling import Settler


class History(msgspec.Struct, frozen=True, kw_only=True):
    settling: Settler
    limits: RunLimits

    @classmethod
    def build(cls, core: Core, logs: LogWriter, *, limits: RunLimits) -> History:
        settler = Settler(
            hub=core.hub,
            events=core.events,
            metrics=core.metrics,
            numbers=core.ids,
            shown_size=lambda job: shown_log_size(job, logs.shown_size),
            ends_make_room=bool(limits.running),
        )
        return cls(settling=settler, limits=limits)
