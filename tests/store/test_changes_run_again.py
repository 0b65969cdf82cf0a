"""Every change that a service makes may be run again: tests of the server pass on a store that runs each one twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cictl_testing.stores.chosen import VARIABLE
from cictl_testing.stores.write_sites import REACHED, sites

_TESTS = Path(__file__).parents[1] / "server"
_CHOSEN = """
about/test_idempotency.py
access/test_job_starts.py
access/test_tokens.py
agents/test_agent_processes.py
agents/test_agent_slots.py
agents/test_agents.py
agents/test_draining.py
audit/test_chain.py
audit/test_records.py
audit/test_undone_runs.py
forges/test_statuses.py
jobs/test_clock_jumps.py
jobs/test_explain.py
jobs/test_leasing.py
jobs/test_locks.py::TestWhatTheServerEnds::test_a_heartbeat_that_does_not_name_it_frees_its_locks
jobs/test_priorities.py
jobs/test_queue_pauses.py
jobs/test_removal.py
jobs/test_reporting.py
jobs/test_retries.py
jobs/test_settling.py
limits/test_run_limits.py
notifications/test_delivery.py
pipelines/test_chain_runs.py
pipelines/test_projects.py::test_a_project_without_a_ref_follows_the_default_branch
retention/test_retention.py
runs/test_approvals.py
runs/test_run_changes.py
runs/test_run_lists.py
runs/test_test_stories.py
schedules/test_schedules.py
schedules/test_starting.py
secrets/test_own_secrets.py
secrets/test_recall.py
secrets/test_vault_answers.py
secrets/test_vault_connections.py
triggers/test_followers.py::test_a_pipeline_starts_after_the_success_of_another
triggers/test_followers.py::test_a_failure_starts_nothing
triggers/test_hooks.py::test_a_webhook_outlives_a_restart
triggers/test_hooks.py::test_a_deleted_project_takes_its_webhooks_along
triggers/test_watcher.py::test_a_branch_that_comes_back_starts_again
triggers/test_watcher.py::test_a_renamed_default_branch_is_followed
secrets/test_vault_troubles.py::TestOutages::test_a_job_waits_while_the_vault_is_gone_and_runs_when_it_is_back
"""
"""Tests that are quick and together reach every change; `CICTL_TEST_STORE=repeating` does it with any others."""


@pytest.mark.slow
def test_the_server_works_on_a_store_that_runs_each_change_twice(tmp_path: Path) -> None:
    reached = tmp_path / "reached.json"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-p", "cictl_testing.stores.write_sites", "--basetemp", str(tmp_path / "tests")]
    ran = subprocess.run(
        [*command, *(str(_TESTS / name) for name in _CHOSEN.split())],
        cwd=_TESTS.parents[1],
        env={**os.environ, VARIABLE: "repeating", REACHED: str(reached)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-5000:]
    found = {(file, line) for file, line in json.loads(reached.read_text())}
    missed = [
        f"{Path(file).name}:{lines.start}"
        for file, lines in sites()
        if not any((file, line) in found for line in lines)
    ]
    assert not missed, "no chosen test reaches these changes: add one that does to _CHOSEN"
