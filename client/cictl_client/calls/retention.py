"""Calls about retention, and pins of runs."""

from __future__ import annotations

from cictl.wire.admin.retention import RetentionChange, RetentionCounts, RetentionPolicies, RunPin
from cictl.wire.codec import encode
from cictl_client.calls.calls import Calls
from cictl_client.calls.paths import segment

_RETENTION = "/api/v1/retention"


class RetentionCalls(Calls):
    """How long the server keeps runs, logs and artifacts."""

    def retention(self) -> RetentionPolicies:
        """Return the limits of all projects, and of those that have their own."""
        return self._transport.get(RetentionPolicies, _RETENTION)

    def change_retention(self, change: RetentionChange) -> RetentionPolicies:
        """Change limits, and return all that hold then; fields of *change* that are None stay as they are."""
        return self._mutations.post(RetentionPolicies, _RETENTION, encode(change))

    def preview_retention(self) -> RetentionCounts:
        """Return what would go now."""
        return self._transport.get(RetentionCounts, f"{_RETENTION}/preview")

    def run_retention(self) -> RetentionCounts:
        """Remove what may go; the server answers after some seconds, and `is_complete` tells whether there is more."""
        return self._mutations.post(RetentionCounts, f"{_RETENTION}/run")

    def pin_run(self, run: str, *, pinned: bool = True) -> RunPin:
        """Keep a run whatever its age, or no longer; *run* is a number, or the id of a run or a chain run."""
        return self._mutations.post(RunPin, f"/api/v1/runs/{segment(run)}/{'pin' if pinned else 'unpin'}")
