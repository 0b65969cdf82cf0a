"""The rules by which a queue gives nothing out for now. Leasing asks them; `explain` and lists tell which one holds."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import cached_property

from cictl.wire.waiting.explain import Fix, Reason
from cictl_server.services.policies.holds import Hold
from cictl_server.services.policies.pauses import EVERY_QUEUE, Pause, pauses_of
from cictl_server.store.contract import View
from cictl_server.store.records.jobs import is_queue_of_project


class QueueRules:
    """What the rules say of queues as of one transaction. Each fact is looked up once, and only if a rule asks for it."""

    def __init__(self, view: View, *, max_running: int) -> None:
        """*max_running* is how many executions of one project agents may hold; 0 for any number."""
        self.max_running = max_running
        self._view = view
        self._holds: dict[str, Hold | None] = {}

    def hold(self, queue: str) -> Hold | None:
        """Return the first rule that holds *queue*, a `queue_scope`, back; None if it gives executions out."""
        if queue not in self._holds:
            self._holds[queue] = next((hold for rule in _RULES if (hold := rule(self, queue))), None)
        return self._holds[queue]

    @cached_property
    def pauses(self) -> Mapping[str, Pause]:
        return pauses_of(self._view)

    @cached_property
    def active(self) -> Mapping[str, int]:
        """How many executions of each queue agents hold."""
        return self._view.jobs.count_active_by_queue()


def _everything_is_paused(rules: QueueRules, _queue: str) -> Hold | None:
    pause = rules.pauses.get(EVERY_QUEUE)
    return _paused(pause, "the queue is paused") if pause else None


def _project_is_paused(rules: QueueRules, queue: str) -> Hold | None:
    pause = rules.pauses.get(queue) if queue != EVERY_QUEUE else None
    return _paused(pause, "its project is paused") if pause else None


def _project_has_its_share(rules: QueueRules, queue: str) -> Hold | None:
    limit = rules.max_running
    if not limit or not is_queue_of_project(queue) or rules.active.get(queue, 0) < limit:
        return None
    return Hold(
        reason=Reason.PROJECT_LIMIT,
        text=f"agents have {rules.active[queue]} jobs of its project; the limit --max-running-per-project is {limit}",
        fixes=(Fix(text="see what is at work", command="cictl jobs list --status running --status leased"),),
    )


_RULES: tuple[Callable[[QueueRules, str], Hold | None], ...] = (
    _everything_is_paused,
    _project_is_paused,
    _project_has_its_share,
)
"""All rules; the first that applies is told."""


def _paused(pause: Pause, what: str) -> Hold:
    words = ["cictl", "queue", "resume", *(["--project", pause.project] if pause.project else [])]
    whose = f" by {pause.by}" if pause.by else ""
    return Hold(
        reason=Reason.QUEUE_PAUSED,
        text=f"{what}{whose}: {pause.reason}",
        fixes=(Fix(text="resume it", command=shlex.join(words)),),
    )
