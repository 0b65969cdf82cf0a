"""The call about what runs tell when they are looked at together."""

from __future__ import annotations

from cictl.wire.insight import Insight
from cictl_client.calls.calls import Calls, given


class InsightCalls(Calls):
    """How long runs took, how often they succeeded, and how much agents worked."""

    def get_insight(self, *, project: str = "", pipeline: str = "") -> Insight:
        """Return what the newest 500 runs tell, of *project* (its name or id) and its *pipeline* or chain alone if named.

        The load of agents is that of the whole server, in the last 24 hours.
        """
        params = given(project=project, pipeline=pipeline)
        return self._transport.get(Insight, "/api/v1/insight", params=params)
