"""The wire contract of agents and jobs: every route with its refusals, and where each weakness of the reference is undone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl_server.apidoc.operations import operations
from cictl_server.app import ROUTES

WEAKNESSES: dict[str, tuple[str, ...]] = {
    "1.6 uploads are read into memory, and have no limit": (
        "test_artifacts::test_an_entry_larger_than_it_says_is_refused",
        "test_memory::test_an_artifact_of_2_gb",
        "test_memory::test_many_large_bodies_at_once",
        "test_agents_contract::test_a_body_past_the_limit_is_refused",
    ),
    "1.7 jobs are sorted by the text of their times": ("test_store_jobs::test_newest_first",),
    "1.8 jobs of the same nanosecond collide": (
        "test_agents_contract::test_jobs_of_one_instant_have_ids_of_their_own",
    ),
    "3.2 an order is lost with its answer": (
        "test_agent_orders::test_an_order_is_kept_until_the_agent_acknowledges_it",
        "test_agent_orders::test_a_restart_is_ordered_until_something_is_heard_of_it_three_times_at_most",
    ),
    "3.5 a status is cut within a character": ("test_agents::test_a_long_status_is_cut_between_characters",),
    "3.6 heartbeats push all else out of the log": ("test_agents::test_lines_about_an_agent",),
    "5 deactivating erases the log": (
        "test_cancelling::test_deactivation_ends_the_active_execution_and_keeps_its_log",
    ),
    "5 an agent without a heartbeat since the start is unknown": (
        "test_agents::test_an_agent_can_be_deactivated_before_its_first_heartbeat_after_a_restart",
    ),
    "5 deactivating settles no dependants": (
        "test_settling::test_whatever_ends_an_execution_ends_all_that_wait_for_it",
    ),
    "6.1 a deactivated agent leases after a restart": ("test_leasing::test_a_deactivated_agent_gets_nothing",),
    "6.1 a lost answer to a lease idles the agent": (
        "test_leasing::test_a_repeated_request_gets_the_same_execution_again",
        "test_leasing::test_a_lost_answer_is_given_again_when_the_agent_must_have_given_up",
        "test_leasing::test_an_agent_that_asks_for_other_work_has_lost_its_running_execution",
    ),
    "6.1 a delayed lease ends what its agent runs": (
        "test_leasing::test_an_agent_that_says_it_runs_an_execution_has_not_lost_it",
        "test_leasing::test_a_late_repeat_of_the_request_that_got_an_execution_does_not_end_it",
    ),
    "6.1 simultaneous leases of one agent get several jobs": (
        "test_leasing::test_simultaneous_requests_of_one_agent_get_one_execution",
    ),
    "6.1 a slow vault fails jobs": (
        "test_vault_leasing::test_a_job_waits_while_the_vault_is_gone_and_runs_when_it_is_back",
        "test_vault_leasing::test_other_agents_lease_while_one_waits_for_it",
    ),
    "6.3 steps that a dry run skips need a vault": ("test_vault_leasing::test_steps_that_a_dry_run_skips_get_none",),
    "6.2 four-part versions never match": ("test_requirements::test_constraints",),
    "7.1 requirements of a container are listed as unmet": (
        "test_agents_contract::test_requirements_of_a_container_are_met_by_every_agent",
        "test_job_lists::test_requirements_are_judged_per_agent",
        "test_job_lists::test_agents_that_cannot_take_work_do_not_count",
    ),
    "7.3 anyone starts and ends queued jobs": (
        "test_reporting::test_stored_and_requested_status",
        "test_reporting::test_the_first_report_of_an_unowned_execution_binds_it",
    ),
    "7.3 what a lost agent still sends reaches the next one's log and files": (
        "test_reporting::test_a_report_that_is_overtaken_never_reaches_the_log_of_the_next_agent",
        "test_reporting::test_two_that_begin_an_unowned_execution_do_not_share_its_log",
        "test_artifacts::test_an_upload_that_is_overtaken_never_becomes_the_next_agents",
    ),
    "7.3 and 7.8 what never ran has a start, so nothing counts as blocked": (
        "test_settling::test_whatever_ends_an_execution_ends_all_that_wait_for_it",
        "test_removal::test_blocked_by_names_the_culprit",
        "test_removal::test_what_never_started_cannot_be_run_again",
        "test_lifecycle::test_a_cancelled_queued_execution_counts_as_started",
    ),
    "7.3 a log is written whole with each report": (
        "test_agents_contract::test_a_report_that_brings_nothing_new_writes_nothing",
    ),
    "7.4 each list loads every job": ("test_store_tiny::test_look_ups_decode_only_what_they_return",),
    "7.4 what does not fit under the cap cannot be reached": (
        "test_job_lists::test_pages_without_a_filter_show_everything_once_with_runs_whole",
        "test_job_lists::test_what_is_added_between_two_pages_hides_nothing",
    ),
    "7.7 what belongs to a deleted job stays": (
        "test_removal::test_a_pending_execution_can_be_deleted",
        "test_removal::test_flushing_takes_logs_artifacts_and_reports_along",
    ),
    "7.7 deleting strands dependants": (
        "test_removal::test_deleting_ends_what_waits",
        "test_removal::test_clearing_ends_nothing_twice",
        "test_chains::test_a_deleted_upstream_ends_what_waits",
    ),
    "7.7 a rerun can't heal its run": (
        "test_removal::test_a_rerun_heals_its_run",
        "test_dependencies::test_a_rerun_heals_a_run",
    ),
    "8.2 uploads are half stored, and unbounded": (
        "test_artifacts::test_unsafe_paths_are_refused_and_nothing_is_stored",
        "test_artifacts::test_lists_that_no_directory_can_hold_are_refused",
        "test_artifacts::test_links_in_zips_are_refused",
        "test_artifacts::test_damaged_zips_are_refused",
    ),
    "8.2 uploads that come at once mix": ("test_artifacts::test_uploads_at_once_are_each_stored_whole",),
    "8.3 addresses are not encoded": ("test_artifacts::test_both_forms_store_files_and_list_them",),
    "8.3 directories are listed, and active content runs": (
        "test_artifacts::test_only_listed_files_are_served",
        "test_artifacts::test_downloads_cannot_run_in_a_browser",
    ),
    "8.3 any text counts as the id of a job": ("test_agents_contract::test_odd_ids_lead_nowhere",),
    "10.1 the job of a dead agent runs for ever": (
        "test_cancelling::test_the_work_of_a_silent_agent_is_given_up",
        "test_cancelling::test_a_new_process_ends_what_the_old_one_ran",
        "test_leasing::test_an_agent_that_asks_for_other_work_has_lost_its_running_execution",
        "test_agents_contract::test_an_agent_that_comes_back_in_time_goes_on",
    ),
    "10.1 a long upload after a long run is given up": (
        "test_cancelling::test_an_agent_that_is_online_may_still_upload_what_its_run_made",
    ),
    "10.1 and 10.3 jobs wait for ever": (
        "test_settling::test_whatever_ends_an_execution_ends_all_that_wait_for_it",
        "test_settling::test_a_start_settles_what_an_untimely_stop_left",
        "test_chains::test_a_failure_in_the_middle_ends_everything_behind_it",
        "test_chains::test_a_start_settles_chains_too",
    ),
    "12.1 a slash behind the server's address breaks calls": (
        "test_agent_places::test_settings_fall_back_from_flag_to_ours_to_the_references_to_default",
    ),
    "12.2 the report of the end is given up": ("test_agent_loop::test_end_of_a_job_is_reported_through_an_outage",),
    "12.2 and 12.3 orders hold each other up": (
        "test_agent_loop::test_wipes_wait_for_the_running_job_and_come_before_the_restart",
        "test_agent_orders::test_a_restart_waits_until_everything_else_arrived",
        "test_agent_orders::test_an_update_is_never_asked_for_together_with_an_order",
    ),
    "12.4 one failed report ends a job unreported": (
        "test_agent_loop::test_start_that_cannot_be_reported_at_once_is_reported_later",
        "test_agent_loop::test_log_is_byte_identical_through_lost_answers_and_refusals",
    ),
    "12.5 git takes options from names, and logs credentials": (
        "test_agent_checkout::test_options_in_disguise_never_reach_git",
        "test_agent_checkout::test_credentials_do_not_show",
    ),
    "12.5 jobs see the agent's tokens": ("test_agent_places::test_job_environment_hides_credentials_and_adds_twins",),
    "12.5 a background child holds its step": (
        "test_agent_commands::test_background_child_that_keeps_the_output_does_not_hold_the_step",
    ),
    "12.5 an agent that is stopped leaves its job behind": (
        "test_agent_process::test_interrupted_agent_stops_its_job_with_all_its_processes_and_reports_it",
    ),
    "12.5 secrets show at cuts, in errors, and encoded": (
        "test_redaction_stream::test_result_does_not_depend_on_where_pieces_are_cut",
        "test_redaction_forms::test_common_encodings_are_masked",
        "test_redaction_forms::test_lines_of_a_multi_line_secret_are_masked_but_not_its_short_ones",
        "test_agent_jobs::test_secrets_are_masked_in_log_error_and_tests",
        "test_agent_secrets::test_a_secret_is_masked_however_it_is_printed",
        "test_agent_secrets::test_a_secret_in_a_long_log_is_masked_wherever_it_is_cut",
    ),
    "12.6 the reports and modes of dependencies": (
        "test_agent_dependencies::test_reports_that_the_server_adds_are_left_out",
        "test_agent_dependencies::test_permission_bits_are_kept",
    ),
    "12.8 containers start late and outlive a cancel": (
        "test_agent_containers::test_pull_takes_as_long_as_the_job_may",
        "test_agent_containers::test_cancel_ends_what_runs_inside",
    ),
    "12.9 links lead out of the workspace": ("test_agent_artifacts::test_what_is_collected",),
    "12.9 a failed upload hides the step's error": (
        "test_agent_jobs::test_failed_upload_does_not_hide_the_steps_own_error",
    ),
    "12.10 broken JUnit counts as no tests": ("test_agent_reports::test_broken_junit_is_an_error",),
}
"""By section of the contract, the tests of what is done better."""


@pytest.mark.parametrize("weakness", WEAKNESSES)
def test_each_weakness_is_undone_by_tests_that_exist(weakness: str, pytestconfig: pytest.Config) -> None:
    for name in WEAKNESSES[weakness]:
        module, _, function = name.partition("::")
        [path] = (pytestconfig.rootpath / "tests").rglob(f"{module}.py")
        assert re.search(rf"^ *def {function}\(", path.read_text(), re.MULTILINE), name


@dataclass(frozen=True)
class Stage:
    """A server with one job in each state: `over` and `held` are agent a's, nobody has `free`."""

    server: RunningServer
    over: str
    held: str
    free: str

    def send(self, method: str, path: str, body: bytes = b"", **options: Any) -> falcon.testing.Result:
        filled = path.format(over=self.over, held=self.held, free=self.free)
        return self.server.http.simulate_request(method, filled, body=body, **options)


@pytest.fixture
def stage(server: RunningServer) -> Stage:
    server.heartbeat("a", capabilities={"executor": "script", "shells": "posix", "updater": "cictl-wheel"})
    server.heartbeat("ä #?%")
    over, held, free = (server.enqueue() for _ in range(3))
    server.finish("succeeded")
    server.running()
    return Stage(server=server, over=over, held=held, free=free)


JOB = {"job_execution"}
LIST = {"view", "total", "offset", "limit", "job_executions"}
ANSWERS: tuple[tuple[str, str, bytes, int, set[str]], ...] = (
    ("GET", "/healthz", b"", 200, {"status"}),
    ("GET", "/api/v1/server-info", b"", 200, {"name", "api_version", "version"}),
    ("GET", "/api/v1/runtime-state", b"", 200, {"mode", "online_agents", "last_agent_seen_utc", "git_available"}),
    ("POST", "/api/v1/heartbeat", b'{"agent_id":"b"}', 200, {"accepted"}),
    ("POST", "/api/v1/agent/lease", b'{"agent_id":"b"}', 200, {"assigned", "job_execution"}),
    ("POST", "/api/v1/agent/lease", b'{"agent_id":"a"}', 200, {"assigned", "message"}),
    ("GET", "/api/v1/agents", b"", 200, {"agents"}),
    ("GET", "/api/v1/agents/a", b"", 200, {"agent"}),
    ("GET", "/api/v1/agents//a//", b"", 200, {"agent"}),
    ("GET", "/api/v1/agents/" + quote("ä #?%"), b"", 200, {"agent"}),
    ("POST", "/api/v1/agents/a/actions", b'{"action":" Restart "}', 200, {"requested", "agent_id", "message"}),
    ("POST", "/api/v1/agents/a/actions/", b'{"action":"update"}', 200, {"requested", "agent_id", "target"}),
    (
        "POST",
        "/api/v1/agents/a/actions",
        b'{"action":"run-script","script":"ls","shell":"POSIX"}',
        201,
        {"queued", "agent_id", "job_execution_id", "shell", "timeout_seconds"},
    ),
    ("GET", "/api/v1/jobs", b"", 200, {"job_executions"}),
    ("GET", "/api/v1/jobs?view=QUEUED&limit=x&offset=-1", b"", 200, LIST),
    ("GET", "/api/v1/jobs?view=history&max=0", b"", 200, LIST),
    ("GET", "/api/v1/jobs?view=summary", b"", 200, {"view", "max", "total", "queued_groups", "history_groups"}),
    ("GET", "/api/v1/jobs/{held}", b"", 200, JOB),
    ("GET", "/api/v1/jobs//{held}/", b"", 200, JOB),
    ("DELETE", "/api/v1/jobs/{free}", b"", 200, {"deleted", "job_execution_id"}),
    ("POST", "/api/v1/jobs/{held}/cancel", b"", 200, JOB),
    ("POST", "/api/v1/jobs/{over}/rerun", b"{", 201, JOB),
    ("POST", "/api/v1/jobs/clear-queue", b"{}", 200, {"cleared"}),
    ("POST", "/api/v1/jobs/flush-history/", b"\xff", 200, {"flushed"}),
    ("GET", "/api/v1/jobs/{held}/blocked-by", b"", 200, {"blocked"}),
    ("POST", "/api/v1/jobs/{held}/status", b'{"agent_id":"a","status":" RUNNING "}', 200, JOB),
    ("POST", "/api/v1/jobs/{held}/artifacts", b'{"agent_id":"a","artifacts":null}', 200, {"artifacts"}),
    ("POST", "/api/v1/jobs/{held}/artifacts/upload-zip?agent_id=a", b"", 200, {"artifacts"}),
    ("GET", "/api/v1/jobs/{held}/artifacts", b"", 200, {"artifacts"}),
    ("GET", "/api/v1/jobs/job-7/artifacts", b"", 200, {"artifacts"}),
    ("POST", "/api/v1/jobs/{held}/tests", b'{"agent_id":"a","report":null}', 200, {"report"}),
    ("GET", "/api/v1/jobs/job-7/tests", b"", 200, {"report"}),
)


@pytest.mark.parametrize(("method", "path", "body", "status", "keys"), ANSWERS)
def test_answers(stage: Stage, method: str, path: str, body: bytes, status: int, keys: set[str]) -> None:
    answer = stage.send(method, path, body)
    assert answer.status_code == status, answer.text
    assert keys <= answer.json.keys()
    headers = ("Content-Type", "Cache-Control", "Pragma", "Expires")
    assert [answer.headers[h] for h in headers] == ["application/json", "no-store, max-age=0", "no-cache", "0"]
    assert answer.text.count("\n") == 1
    assert answer.text.endswith("}\n")


NO_PAGE, NO_JOB, NO_JSON = "404 page not found", "job not found", "invalid JSON body"
NO_ID, STRANGER = "agent_id is required", "job is leased by another agent"
STATUSES = "status must be running, succeeded or failed"
REFUSALS: tuple[tuple[str, str, bytes, int, str], ...] = (
    ("GET", "/healthz/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/agent/lease/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/agents/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/jobs/", b"", 404, NO_PAGE),
    ("GET", "/api/v1/jobs//", b"", 404, NO_PAGE),
    ("GET", "/api/v1/jobs/{held}/nothing", b"", 404, NO_PAGE),
    ("POST", "/api/v1/jobs/{held}/artifacts/upload-zip/more", b"", 404, NO_PAGE),
    ("POST", "/api/v1/agents/a/dance", b"{}", 404, NO_PAGE),
    ("GET", "/api/v1/agents/a%2Fb", b"", 404, NO_PAGE),
    ("POST", "/api/v1/heartbeat", b"", 400, NO_JSON),
    ("POST", "/api/v1/heartbeat", b"null", 400, NO_ID),
    ("POST", "/api/v1/heartbeat", b'{"agent_id":"a","timestamp_utc":""}', 400, NO_JSON),
    ("POST", "/api/v1/heartbeat", b'{"agent_id":"a","capabilities":{"os":1}}', 400, NO_JSON),
    (
        "POST",
        "/api/v1/agents/a/actions",
        b'{"action":"run-script","timeout_seconds":9223372036854775808}',
        400,
        NO_JSON,
    ),
    ("POST", "/api/v1/jobs/{held}/status", b'{"agent_id":"a","exit_code":-9223372036854775809}', 400, NO_JSON),
    ("POST", "/api/v1/agent/lease", b"{}", 400, NO_ID),
    ("GET", "/api/v1/agents/x", b"", 404, "agent not found"),
    ("GET", "/api/v1/agents/%20", b"", 400, "agent id is required"),
    ("POST", "/api/v1/agents/%20/actions", b"{", 400, "agent id is required"),
    ("POST", "/api/v1/agents/x/actions", b"{", 400, NO_JSON),
    ("POST", "/api/v1/agents/x/actions", b'{"action":" "}', 400, "action is required"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"dance"}', 400, "unsupported action"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"activate"}', 404, "agent not found"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"run-script","script":" "}', 400, "script is required"),
    ("POST", "/api/v1/agents/x/actions", b'{"action":"run-script","script":"ls"}', 400, "shell is required"),
    ("GET", "/api/v1/jobs/job-7", b"", 404, NO_JOB),
    ("DELETE", "/api/v1/jobs/job-7", b"", 404, NO_JOB),
    ("DELETE", "/api/v1/jobs/{held}", b"", 409, "job is not pending"),
    ("GET", "/api/v1/jobs/clear-queue", b"", 404, NO_JOB),
    ("DELETE", "/api/v1/jobs/flush-history", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/job-7/cancel", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/{over}/cancel", b"", 409, "job is not active"),
    ("POST", "/api/v1/jobs/job-7/rerun", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/{free}/rerun", b"", 409, "job has not started yet"),
    ("GET", "/api/v1/jobs/job-7/blocked-by", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/job-7/status", b"{", 400, NO_JSON),
    ("POST", "/api/v1/jobs/job-7/status", b"{}", 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/status", b'{"agent_id":"a","status":"leased"}', 400, STATUSES),
    ("POST", "/api/v1/jobs/job-7/status", b'{"agent_id":"a","status":"failed"}', 400, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/status", b'{"agent_id":"b","status":"failed"}', 409, STRANGER),
    ("POST", "/api/v1/jobs/{held}/artifacts", b"", 400, NO_JSON),
    ("POST", "/api/v1/jobs/job-7/artifacts", b"{}", 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/artifacts", b'{"agent_id":"a"}', 404, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/artifacts", b'{"agent_id":"b"}', 409, STRANGER),
    ("POST", "/api/v1/jobs/job-7/artifacts/upload-zip", b"", 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/artifacts/upload-zip?agent_id=a", b"", 404, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/artifacts/upload-zip?agent_id=b", b"", 409, STRANGER),
    ("GET", "/api/v1/jobs/{held}/artifacts/download", b"", 400, "invalid prefix"),
    ("GET", "/api/v1/jobs/{held}/artifacts/download?prefix=../x", b"", 400, "invalid prefix"),
    ("GET", "/api/v1/jobs/{held}/artifacts/download?prefix=x", b"", 404, "artifact directory not found"),
    ("GET", "/artifacts/{held}/x", b"", 404, NO_PAGE),
    ("GET", "/artifacts/{held}/", b"", 404, NO_PAGE),
    ("GET", "/artifacts/job-7/x", b"", 404, NO_PAGE),
    ("GET", "/artifacts/", b"", 404, NO_PAGE),
    ("POST", "/api/v1/jobs/{held}/tests", b"", 400, NO_JSON),
    ("POST", "/api/v1/jobs/{held}/tests", b'{"agent_id":" "}', 400, NO_ID),
    ("POST", "/api/v1/jobs/job-7/tests", b'{"agent_id":"a"}', 404, NO_JOB),
    ("POST", "/api/v1/jobs/{held}/tests", b'{"agent_id":"b"}', 409, STRANGER),
)


@pytest.mark.parametrize(("method", "path", "body", "status", "text"), REFUSALS)
def test_refusals(stage: Stage, method: str, path: str, body: bytes, status: int, text: str) -> None:
    answer = stage.send(method, path, body, headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.text) == (status, text + "\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


METHODS: dict[str, set[str]] = {}
for _operation in operations(ROUTES):
    if _operation.path.endswith("/{connection_id}/test"):
        continue  # by the contract of the vault its other methods are not found
    METHODS.setdefault(_operation.path, set()).add(_operation.method.upper())
IDS = {"agent_id": "a", "project_id": "1", "pipeline_id": "1", "chain_id": "1", "connection_id": "1", "path": "x"}


@pytest.mark.parametrize("path", METHODS)
def test_other_methods_are_refused(stage: Stage, path: str) -> None:
    stage.server.define_project(
        "pipelines: [{id: p, jobs: [{id: j, steps: [{run: ls}]}]}]\npipeline_chains: [{id: c, pipelines: [p]}]"
    )
    known = METHODS[path]
    looked_up = {"GET", "DELETE"} if path.endswith(("/clear-queue", "/flush-history")) else set()
    filled = path.format(job_id=stage.held, **IDS)
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - known - looked_up:
        answer = stage.send(method, filled)
        assert (answer.status_code, answer.text) == (405, "" if method == "HEAD" else "method not allowed\n"), method
        if method != "OPTIONS":
            assert set(answer.headers["Allow"].split(", ")) == known


@pytest.mark.parametrize(
    "job_id", ["..", ".", "job-", "job-1x", "job-\uff11", "job--1", " ", "job-" + "9" * 40, "a%00b", "007", "job-0"]
)
def test_odd_ids_lead_nowhere(stage: Stage, job_id: str) -> None:
    path = f"/api/v1/jobs/{quote(job_id, safe='%.')}"
    assert stage.send("GET", path).status_code == 404
    assert stage.send("GET", f"{path}/artifacts").json == {"artifacts": []}
    assert stage.send("GET", f"{path}/tests").json["report"]["total"] == 0
    for name in ("test-report.json", "coverage-report.json", "../state.json"):
        assert stage.send("GET", f"/artifacts/{quote(job_id, safe='%.')}/{name}").status_code == 404


def test_an_id_with_leading_zeros_is_another_one(stage: Stage) -> None:
    padded = stage.held.replace("job-", "job-0")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/log"), ("GET", "/blocked-by")):
        assert stage.send(method, f"/api/v1/jobs/{padded}{path}").status_code == 404, path
    assert stage.server.job(stage.held).status == "running"


def test_names_of_downloads_are_plain(stage: Stage) -> None:
    body = b'{"agent_id":"a","artifacts":[{"path":"d  \\u00e4/x","data_base64":"MQ=="}]}'
    assert stage.send("POST", "/api/v1/jobs/{held}/artifacts", body).status_code == 200
    answer = stage.send("GET", "/api/v1/jobs/{held}/artifacts/download?prefix=" + quote("d  ä"))
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{stage.held}-d-artifacts.zip"'
    every = stage.send("GET", "/api/v1/jobs/{held}/artifacts/download-all")
    assert every.headers["Content-Disposition"] == f'attachment; filename="{stage.held}-artifacts.zip"'


def test_a_body_past_the_limit_is_refused(stage: Stage) -> None:
    body = b'{"agent_id":"a","status":"running","output":"' + b"x" * (64 << 20) + b'"}'
    answer = stage.send("POST", "/api/v1/jobs/{held}/status", body)
    assert answer.status_code == 413
    assert stage.server.job(stage.held).output == ""


def test_jobs_of_one_instant_have_ids_of_their_own(stage: Stage) -> None:
    body = b'{"action":"run-script","script":"ls","shell":"posix"}'
    answers = [stage.send("POST", "/api/v1/agents/a/actions", body).json for _ in range(3)]
    assert len({answer["job_execution_id"] for answer in answers}) == 3


def test_requirements_of_a_container_are_met_by_every_agent(server: RunningServer) -> None:
    server.heartbeat()
    needs = "runs_on: {container_image: gcc}, requires: {container: {tools: {cmake: '>=3'}}}"
    server.run(server.define(f'[{{id: c, {needs}, steps: [{{run: "true"}}]}}]'))
    [job] = server.get("/api/v1/jobs").json["job_executions"]
    assert job["required_capabilities"] == {"requires.container.tool.cmake": ">=3"}
    assert "unmet_requirements" not in job


def test_a_report_that_brings_nothing_new_writes_nothing(stage: Stage) -> None:
    body = b'{"agent_id":"a","status":"running","output":"one\\n","current_step":"Step 1/2: a"}'
    stage.send("POST", "/api/v1/jobs/{held}/status", body)
    journal = stage.server.directory / "state.journal"
    before = journal.stat().st_size
    stage.send("POST", "/api/v1/jobs/{held}/status", body)
    stage.send("POST", "/api/v1/jobs/{held}/status", body.replace(b"one", b"one\\ntwo"))
    assert journal.stat().st_size == before
    assert stage.server.job(stage.held).output == "one\ntwo\n"


def test_an_agent_that_comes_back_in_time_goes_on(stage: Stage) -> None:
    stage.server.clock.step(59)
    assert stage.server.heartbeat(running_job_ids=[stage.held]).cancel_job_ids == []
    stage.server.clock.step(59)
    stage.server.services.jobs.expiry.run_once()
    assert stage.server.job(stage.held).status == "running"


def test_parts_of_a_report_may_be_missing(stage: Stage) -> None:
    """The reference's decoder takes what is absent for empty, so a report is never lost for want of a key."""
    body = b'{"agent_id":"a","status":"succeeded","events":[{"step":{}}],"cache_stats":[{"source":"hit"}]}'
    job = stage.send("POST", "/api/v1/jobs/{held}/status", body).json["job_execution"]
    assert (job["status"], job["cache_stats"]) == ("succeeded", [{"id": "", "source": "hit"}])
