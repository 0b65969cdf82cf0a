"""The clock of the machine that shows something is off; the server's counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cictl_testing.shop import Shop, job
from msgspec.structs import replace

from cictl.wire.agents import AgentList
from cictl.wire.jobs import JobStatus
from tests.cli.conftest import Run


@pytest.fixture(params=[-3, 3], ids=["slow", "fast"])
def off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Set this machine's clock off by so many hours, and return the server's time."""
    hours = timedelta(hours=request.param)
    for module in ("cictl_client.server_clock", "cictl.cli.app.session", "cictl.cli.output.table"):
        monkeypatch.setattr(f"{module}.utc_now", lambda: datetime.now(UTC) + hours)
    return datetime.now(UTC)


def test_agents_are_online(cli: Run, shop: Shop, off: datetime) -> None:
    shop.beat("now")
    seen = replace(shop.agent("now"), last_seen_utc=off)
    shop.gate.answer("GET /api/v1/agents", AgentList(agents=[seen]))
    line = next(line for line in cli("agents", "list").out.splitlines() if line.startswith("now "))
    assert line.split()[1] == "online"


def test_running_times_are_true(cli: Run, shop: Shop, off: datetime) -> None:
    shop.put(job("job-77", JobStatus.RUNNING, started_utc=off - timedelta(seconds=95)))
    line = next(line for line in cli("jobs", "list").out.splitlines() if line.startswith("job-77 "))
    assert "1m3" in line, "the date of an answer has whole seconds"
