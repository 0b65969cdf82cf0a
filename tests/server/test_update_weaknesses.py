"""The numbered weaknesses of the reference server's updates and restarts, each with the test of what is better here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

COVERED = """
U1  server/test_updates.py                    test_an_installation_that_cannot
U2  server/test_updates.py                    test_a_client_that_hangs_up_changes_nothing
U3  server/test_updates.py                    test_the_latest_release_is_staged
U4  e2e/test_update.py                        test_a_version_that_does_not_work_is_taken_back
U5  server/test_updates.py                    test_it_is_started_and_the_server_leaves
U6  server/test_updates.py                    test_agents_follow_once_it_has_worked_out
U7  server/test_updates.py                    test_an_updater_that_never_comes
U8  e2e/test_update.py                        test_an_update_under_a_running_job_and_the_way_back
U9  installation/test_capability.py           test_without_a_service_manager_it_is_not
U10 server/test_updates.py                    test_only_updates_are_told
U11 installation/test_releases.py             test_a_tag_is_one_part_of_the_address
U12 server/test_updates.py                    test_a_downgrade_is_never_offered
U13 installation/test_releases.py             test_the_token_goes_to_the_api_alone
U14 agent/test_agent_updating.py              test_idle_agent_switches_and_ends
U15 server/test_updates.py                    test_running_jobs_may_end_first
U16 e2e/test_update.py                        test_an_update_under_a_running_job_and_the_way_back
U17 cli/test_cli_usage.py                     test_version
R1  server/test_restart_route.py              test_a_service_ends_and_its_manager_starts_it_again
R2  server/test_restart_route.py              test_a_real_server_returns_on_its_port_with_its_data
R3  server/test_restart_route.py              test_a_real_server_returns_on_its_port_with_its_data
R4  server/test_restart_route.py              test_an_update_is_not_disturbed
"""


def test_the_index_is_complete_and_true(pytestconfig: pytest.Config) -> None:
    rows = [line.split() for line in COVERED.strip().splitlines()]
    wanted = [*(f"U{number}" for number in range(1, 18)), *(f"R{number}" for number in range(1, 5))]
    assert [number for number, _, _ in rows] == wanted
    root = Path(pytestconfig.rootpath) / "tests"
    missing = [
        (number, name) for number, file, name in rows if not re.search(rf"\bdef {name}\(", (root / file).read_text())
    ]
    assert missing == []
