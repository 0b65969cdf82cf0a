"""Masking secrets in what agents send.

cictl's own agent masks already; this is the second net, for agents of another make. The secrets are those that `sensitive` remembers
of leases, and that `recall` has read again where this server gave no lease.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from cictl.redaction import Cover, Redactor
from cictl_server.services.secrets.lease_secrets import needs_secrets, recorded_secrets
from cictl_server.services.secrets.recall import SecretRecall
from cictl_server.services.secrets.sensitive import SensitiveValues
from cictl_server.store.records.jobs import JobRecord


@dataclass(kw_only=True)
class Mask:
    """The secrets of one execution, prepared for searching.

    Attributes:
        values: The secrets.
        has_covered: Whether it changed the stored log, which then differs from the agent's.
    """

    values: tuple[str, ...]
    cover: Cover = field(init=False)
    has_covered: bool = False
    _redactor: Redactor = field(init=False)
    _ends: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cover = Cover(self.values)
        self._redactor = Redactor(self.values)

    def redact(self, text: str) -> str:
        """Mask a text."""
        return self._redactor.redact(text)

    def redact_name(self, name: str) -> str:
        """Mask the name of a file."""
        return self._redactor.redact_name(name)

    def end(self, log: str, *, size: int) -> bytes | None:
        """Return the last bytes of a log of *size* bytes as its agent sent them; None when they are unknown.

        As many as may be the beginning of a secret. The stored bytes will not do: of two secrets that overlap, the
        second begins inside the stars of the first.
        """
        known_size, data = self._ends.get(log, (0, b""))
        return data if known_size == size else None

    def note_end(self, log: str, *, size: int, data: bytes) -> None:
        """Remember the last bytes of a log that now has *size* bytes."""
        self._ends[log] = size, data[max(0, len(data) - self.cover.reach + 1) :]


class Masks:
    """The masks of all executions whose secrets are remembered."""

    def __init__(self, sensitive: SensitiveValues, recall: SecretRecall | None = None) -> None:
        """Mask the values that are remembered; without *recall* none are ever read again."""
        self._sensitive = sensitive
        self._recall = recall
        self._masks: dict[str, Mask] = {}
        self._lock = threading.Lock()
        sensitive.on_forget = self._forget

    def complete(self, job: JobRecord) -> None:
        """Make sure that nothing is missing in the mask of *job*, before anything of its agent is stored.

        Must not be called in a transaction: it may wait for a Vault.

        Raises:
            SecretsUnknown: Its secrets can't be read again.
        """
        if self._recall is not None:
            self._recall.ensure(job)

    def of(self, job_id: str) -> Mask | None:
        """Return the mask of an execution; None, after one look-up, if it has no secrets."""
        values = self._sensitive.of(job_id)
        if not values:
            return None
        with self._lock:
            mask = self._masks.get(job_id)
            if mask is None or mask.values != values:
                mask = self._masks[job_id] = Mask(values=values)
            return mask

    def of_log(self, name: str) -> Mask | None:
        """Return the mask for the log *name*, which is the execution's id, and for a later attempt `.` and its number."""
        return self.of(name.partition(".")[0])

    def may_have_covered(self, job: JobRecord, *, size: int) -> bool:
        """Tell whether the stored log of *job*, of *size* bytes, may differ from its agent's.

        Where another server wrote, or this one before a restart, assume so if there were secrets.
        """
        mask = self.of(job.id)
        if mask is not None:
            return mask.has_covered or mask.end(job.log_name, size=size) is None
        return needs_secrets(job) or bool(recorded_secrets(job))

    def _forget(self, job_id: str) -> None:
        with self._lock:
            self._masks.pop(job_id, None)
