"""The server's rules on PostgreSQL. CI runs more of these tests; `CICTL_TEST_STORE=postgresql` does it with any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cictl_testing.stores.chosen import VARIABLE

_TESTS = Path(__file__).parents[2] / "server"
_CHOSEN = ("agents/test_agent_orders.py", "jobs/test_leasing.py", "jobs/test_settling.py", "pipelines/test_runs.py")


@pytest.mark.slow
def test_the_server_works_on_postgresql(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ran = subprocess.run(
        [*command, "--basetemp", str(tmp_path / "tests"), *(str(_TESTS / name) for name in _CHOSEN)],
        cwd=_TESTS.parents[1],
        env={**os.environ, VARIABLE: "postgresql"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-5000:]
