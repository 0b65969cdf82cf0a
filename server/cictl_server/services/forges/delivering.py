"""Telling forges how runs stand: for each commit and pipeline in order, until the forge knows it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import groupby

from msgspec.structs import replace

from cictl.base.backoff import Attempts, Backoff
from cictl.base.clock import Clock
from cictl.wire.pages import run_page
from cictl.wire.runs import RunStatus
from cictl_server.services.core.clock_watch import Steady
from cictl_server.services.forges.apis import APIS, Told
from cictl_server.services.forges.posting import ForgeAway, ForgeClient, ForgeRefuses, NotThere
from cictl_server.services.forges.tokens import kept_token
from cictl_server.services.secrets.own.secrets import OwnSecretService
from cictl_server.store.contract import Store, Transaction
from cictl_server.store.records.projects import ForgeRecord
from cictl_server.store.records.statuses import StatusRecord

logger = logging.getLogger(__name__)

GIVEN_UP_AFTER = timedelta(hours=72)
"""How long a status is tried, or shown as refused, before it is forgotten."""

_WORDS = {
    RunStatus.QUEUED: "waits for an agent",
    RunStatus.WAITING_APPROVAL: "waits for an approval",
    RunStatus.RUNNING: "runs",
    RunStatus.SUCCEEDED: "succeeded",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
}


class StatusDeliverer:
    """Sends what waits. One thread at a time is at the statuses of one project, so a forge that is away delays no other."""

    def __init__(
        self,
        *,
        store: Store,
        secrets: OwnSecretService,
        client: ForgeClient,
        clock: Clock,
        steady: Steady,
        base_url: str,
    ) -> None:
        """Prepare; *base_url* is what links to runs begin with."""
        self._store = store
        self._secrets = secrets
        self._client = client
        self._clock = clock
        self._base_url = base_url
        self._attempts = Attempts(steady=steady, backoff=Backoff(first=2, most=300))

    def run_once(self, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Send what waits, as far as it is not to wait longer after a failure."""
        waiting = self._store.look(lambda view: list(view.statuses.iter_all()))
        ordered = sorted(waiting, key=lambda status: status.project_id)
        for project_id, statuses in groupby(ordered, key=lambda status: status.project_id):
            with self._attempts.trying(project_id) as is_ours:
                if is_ours and not is_stopping():
                    self._tell_forge(project_id, [status.key for status in statuses], is_stopping)

    def _tell_forge(self, project_id: int, keys: list[str], is_stopping: Callable[[], bool]) -> None:
        for key in keys:
            if is_stopping():
                return
            with self._attempts.trying(key) as is_ours:
                if is_ours and not self._tell(project_id, key):
                    self._attempts.note_failure(project_id)
                    return
        self._attempts.note_success(project_id)

    def _tell(self, project_id: int, key: str) -> bool:
        """Send one status, and tell whether it makes sense to send others to the same forge."""
        with self._store.read() as view:
            status, project = view.statuses.find(key), view.projects.find(project_id)
        if status is None or self._is_done(status):
            return True
        if project is None or project.forge is None:
            self._forget(status)
            return True
        try:
            self._send(project.forge, status)
        except ForgeAway as error:
            self._note_problem(status, str(error))
            return False
        except NotThere as error:
            self._note_problem(status, str(error))
            self._attempts.note_failure(key)
        except ForgeRefuses as error:
            self._note_problem(status, str(error), is_refused=True)
        else:
            self._forget(status)
        return True

    def _send(self, forge: ForgeRecord, status: StatusRecord) -> None:
        """Send *status*; that the forge has it already is a success, as after an answer that was lost."""
        api = APIS[forge.kind]
        with self._store.read() as view:
            token = kept_token(self._secrets, view, status.project_id)
        try:
            self._client.send(api.set_status(forge.api, forge.repository, token, self._told(status)))
        except ForgeRefuses as error:
            if not api.known_answer or api.known_answer not in str(error):
                raise

    def _is_done(self, status: StatusRecord) -> bool:
        """Tell whether *status* is not sent any more, and forget it if its time is over."""
        is_over = status.failing_since is not None and status.failing_since + GIVEN_UP_AFTER <= self._clock()
        if is_over:
            logger.warning("forge was not told status=%s: %s", status.key, status.problem)
            self._forget(status)
        return is_over or status.is_refused

    def _forget(self, status: StatusRecord) -> None:
        """Remove what needs no telling any more, unless the run has gone on meanwhile."""

        def forget(tx: Transaction) -> None:
            if _stands_so(tx.statuses.find(status.key), status):
                tx.statuses.delete(status.key)

        self._attempts.note_success(status.key)
        self._store.write(forget)

    def _note_problem(self, status: StatusRecord, problem: str, *, is_refused: bool = False) -> None:
        def note(tx: Transaction) -> None:
            stored = tx.statuses.find(status.key)
            if stored is not None and _stands_so(stored, status):
                since = stored.failing_since or self._clock()
                tx.statuses.put(replace(stored, problem=problem, failing_since=since, is_refused=is_refused))

        self._store.write(note)

    def _told(self, status: StatusRecord) -> Told:
        return Told(
            sha=status.sha,
            context=status.context,
            ref=status.ref,
            status=status.status,
            url=self._base_url + run_page(status.run),
            description=f"run {status.run} {_WORDS[status.status]}",
        )


def _stands_so(stored: StatusRecord | None, status: StatusRecord) -> bool:
    """Tell whether *stored* says the same as *status*."""
    return stored is not None and (stored.run, stored.status) == (status.run, status.status)
