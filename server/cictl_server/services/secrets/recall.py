"""Reading the secrets of an execution once more, by a server that did not hand them out.

That is another server of those that share a store, or the same one after a restart: secrets are never stored. Until it knows them,
such a server must not write a byte of what the execution's agent sends.
"""

from __future__ import annotations

import logging
import threading

from cictl.wire.problems import Code
from cictl_server.errors import CictlError
from cictl_server.services.secrets.lease_secrets import (
    PREFIX,
    SecretsDelayed,
    SecretService,
    SecretsRefused,
    needs_secrets,
    recorded_secrets,
)
from cictl_server.services.secrets.sensitive import SensitiveValues
from cictl_server.store.records.jobs import JobRecord

logger = logging.getLogger(__name__)


_REMEMBERED = 4096


class SecretsUnknown(CictlError):
    """The secrets that an execution got can't be read again now, so what its agent sends can't be masked. It sends it again."""

    code = Code.UNAVAILABLE

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(
            f"nothing of {job_id} is stored before its secrets can be masked: {reason}",
            hint="the agent tries again by itself; `cictl jobs cancel` ends the job",
        )


class SecretRecall:
    """Makes sure that the secrets of an execution are known before anything of its agent is stored.

    A secret that was changed in the meantime is read as it is now. The value that the execution got before is then masked by
    its agent alone. So is the job's token: only cictl's agents get one, and they mask it.
    """

    def __init__(self, secrets: SecretService, sensitive: SensitiveValues) -> None:
        self._secrets = secrets
        self._sensitive = sensitive
        # A fixed number of locks, chosen by the hash of the id: of the requests about one execution, one reads.
        self._locks = [threading.Lock() for _ in range(64)]
        self._without: set[tuple[int, int]] = set()
        """Attempts at executions, by number and attempt, that have no secrets. Each of their reports asks."""

    def ensure(self, job: JobRecord) -> None:
        """Know the secrets of the present attempt at *job*. Must not be called in a transaction: it may wait for a Vault.

        Raises:
            SecretsUnknown: They can't be read.
        """
        attempt = job.log_generation
        if (job.number, attempt) in self._without or self._sensitive.knows(job.id, attempt):
            return
        if recorded := recorded_secrets(job):
            self._sensitive.remember(job.id, recorded)
        if not needs_secrets(job):
            if not recorded and job.status.is_active:  # before its lease its plan may still get outputs of others
                self._note_without(job)
            return
        with self._locks[hash(job.id) % len(self._locks)]:
            if not self._sensitive.knows(job.id, attempt):
                self._sensitive.remember(job.id, self._read(job), attempt=attempt)
                logger.info("secrets read again execution=%s", job.id)

    def _note_without(self, job: JobRecord) -> None:
        if len(self._without) >= _REMEMBERED:
            self._without.clear()
        self._without.add((job.number, job.log_generation))

    def _read(self, job: JobRecord) -> list[str]:
        try:
            return self._secrets.resolve_again(job)
        except (SecretsRefused, SecretsDelayed) as error:
            reason = str(error).removeprefix(PREFIX)
            logger.warning("secrets not read again execution=%s: %s", job.id, reason)
            raise SecretsUnknown(job.id, reason) from error
