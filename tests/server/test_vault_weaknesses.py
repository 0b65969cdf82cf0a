"""The numbered weaknesses of the reference server around Vault, each held by a test that says how this server does better.

`COVERED` is the index. What no other module tests is tested here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

COVERED = """
V1  server/test_vault_connections.py test_what_cannot_work_is_refused_and_nothing_is_stored
V1  server/test_vault_connections.py test_any_other_is_refused
V1  server/test_vault_connections.py test_one_that_was_stored_before_is_not_used
V2  server/test_vault_leasing.py     test_a_changed_role_is_used_at_once
V2  server/test_vault_leasing.py     test_a_deleted_connection_is_not_used_from_memory
V2  server/test_vault_leasing.py     test_a_revoked_one_costs_one_more_login
V2  server/test_vault_answers.py     test_a_refused_token_is_renewed_exactly_once
V3  server/test_vault_connections.py test_each_test_logs_in_and_none_leaves_a_token_for_jobs
V3  server/test_vault_connections.py test_a_test_does_not_believe_in_the_token_of_jobs
V4  server/test_vault_connections.py test_success_tells_nothing_else
V5  server/test_vault_leasing.py     test_values_arrive_exactly
V5  server/test_vault_leasing.py     test_values_that_no_step_can_get
V5  server/test_vault_answers.py     test_numbers_are_never_rounded
V6  server/test_vault_answers.py     test_what_a_vault_is_sent
V6  server/test_vault_leasing.py     test_a_job_waits_while_the_vault_is_gone_and_runs_when_it_is_back
V6  server/test_vault_leasing.py     test_other_agents_lease_while_one_waits_for_it
V6  server/test_vault_leasing.py     test_after_a_quarter_of_an_hour_it_fails
V7  server/test_vault_leasing.py     test_steps_that_a_dry_run_skips_get_none
V8  project_file/test_project_file_rules.py test_a_broken_rule_is_reported_where_it_is_broken
V9  server/test_vault_connections.py test_text_is_trimmed_and_mounts_lose_their_slashes
V9  server/test_vault_connections.py test_what_cannot_work_is_refused_and_nothing_is_stored
V10 server/test_vault_connections.py test_absent_fields_keep_what_is_stored_and_blank_ones_mean_the_default
V11 server/test_vault_answers.py     test_a_redirected_login_takes_the_secret_id_nowhere
V11 server/test_vault_answers.py     test_a_redirected_read_takes_the_token_nowhere
V12 server/test_masking.py           test_a_secret_in_appended_pieces_is_overwritten_in_place
V12 server/test_masking.py           test_everything_else_of_a_report_is_masked
V12 server/test_masking.py           test_readers_do_not_see_the_beginning_of_a_secret
V12 server/test_masking.py           test_a_secret_that_the_start_of_a_tail_cuts_stays_hidden
V12 redaction/test_redaction_stream.py test_longer_secret_wins_over_one_inside_of_it
V12 redaction/test_redaction_forms.py test_common_encodings_are_masked
V12 agent/test_agent_secrets.py      test_everything_else_that_is_sent_is_masked
V13 server/test_vault_answers.py     test_errors_show_no_more_than_the_beginning_of_an_answer
V14 server/test_vault_weaknesses.py  test_v14_names_are_data_and_no_page
V15 server/test_vault_connections.py test_what_uses_it_is_told_in_the_list_and_when_it_is_deleted
V15 server/test_vault_connections.py test_a_failing_store_is_no_fault_of_the_caller
"""


def test_the_index_is_complete_and_true(pytestconfig: pytest.Config) -> None:
    rows = [line.split() for line in COVERED.strip().splitlines()]
    assert list(dict.fromkeys(number for number, _, _ in rows)) == [f"V{number}" for number in range(1, 16)]
    root = Path(pytestconfig.rootpath) / "tests"
    missing = [
        (number, name) for number, file, name in rows if not re.search(rf"\bdef {name}\(", (root / file).read_text())
    ]
    assert missing == []


def test_v14_names_are_data_and_no_page(server: RunningServer) -> None:
    """Nothing here is HTML: what somebody stores comes back as JSON alone, which no browser runs."""
    name = "<img src=x onerror=alert(1)>"
    body = {"name": name, "url": "http://v", "role_id": name, "secret_id_env": "CICTL_VAULT_A"}
    assert server.post("/api/v1/vault/connections", body).status_code == 201
    answer = server.get("/api/v1/vault/connections")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["connections"][0]["name"] == name
