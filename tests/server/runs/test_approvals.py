"""Jobs, and whole runs, that wait until somebody lets them begin."""

from __future__ import annotations

from typing import Any

import falcon.testing
import pytest
from cictl_testing.server import RunningServer

from cictl.base.job_parts import ApprovalSpec
from cictl.wire.jobs import Cause
from cictl.wire.runs import Run
from cictl.wire.waiting.explain import Explanation, Reason

SHIP = "{id: ship, needs: [make], approval: {roles: [operator], timeout_seconds: 600}, steps: [{run: ship}]}"
JOBS = f"[{{id: make, steps: [{{run: make}}]}}, {SHIP}, {{id: tell, needs: [ship], steps: [{{run: tell}}]}}]"
ROWS = "[{id: ship, approval: {}, matrix: {axes: {to: [eu, us]}}, steps: [{run: ship}]}]"
ALONE = "[{id: ship, approval: {}, steps: [{run: ship}]}]"


def decide(server: RunningServer, verb: str, secret: str = "", *, run: int = 1, **fields: Any) -> falcon.testing.Result:
    return server.ask("POST", f"/api/v1/runs/{run}/{verb}", secret, json=fields)


def shown(server: RunningServer, run: int = 1) -> Run:
    return server.read(Run, f"/api/v1/runs/{run}")


def states(server: RunningServer) -> dict[str, str]:
    return {job.name: job.status for job in shown(server).jobs}


def test_a_job_waits_once_its_needs_are_over_and_takes_no_agent(server: RunningServer) -> None:
    ids = server.run(server.define(JOBS))
    assert (shown(server).status, server.job(ids[1]).waiting_reason) == ("queued", "")
    server.finish("succeeded")
    assert not server.lease().assigned
    job = server.job(ids[1])
    assert (job.status, job.waiting_reason) == (
        "queued",
        "it needs an approval by an operator or an admin: cictl runs approve 1/ship",
    )
    run = shown(server)
    assert (run.status, run.counts.queued, run.jobs[1].waiting_reason) == ("waiting_approval", 2, job.waiting_reason)
    listed = server.get("/api/v1/runs?status=waiting_approval").json["runs"]
    assert [one["number"] for one in listed] == [1]


def test_an_explanation_tells_who_may_approve_and_how(server: RunningServer) -> None:
    [ship] = server.run(server.define("[{id: ship, approval: {roles: [viewer]}, steps: [{run: ship}]}]"))
    told = server.read(Explanation, f"/api/v1/jobs/{ship}/explain")
    assert (told.reason, told.summary) == (
        Reason.APPROVAL,
        "it waits: it needs an approval by a viewer, an operator or an admin: cictl runs approve 1/ship",
    )
    assert [fix.command for fix in told.fixes] == [
        "cictl runs approve 1/ship",
        "cictl runs reject 1/ship --reason WHY",
    ]


def test_an_approved_job_runs_and_keeps_who_approved_it_and_why(server: RunningServer) -> None:
    admin = server.token("admin", name="anna")
    pipeline = server.define(ALONE)
    [ship] = server.ask("POST", f"/api/v1/pipelines/{pipeline}/run-selection", admin, json={}).json["job_execution_ids"]
    assert decide(server, "approve", admin, job="ship", reason="tests look good").status_code == 200
    decision = server.ask("GET", f"/api/v1/jobs/{ship}", admin).json["job_execution"]["decision"]
    assert (decision["approved"], decision["by"], decision["reason"]) == (True, "anna", "tests look good")
    with server.store.read() as view:
        [job] = view.jobs.of_run_number("1")
    assert (job.is_blocked, job.approval_due) == (False, None)
    [record] = server.audit(action="run.approved")
    assert record.details == {"job": "ship", "reason": "tests look good"}


def test_a_rejection_fails_the_job_and_what_needs_it(server: RunningServer) -> None:
    ids = server.run(server.define(JOBS))
    server.finish("succeeded")
    answer = decide(server, "reject", job="ship", reason="not on a Friday")
    assert answer.json["status"] == "failed"
    ship, tell = server.job(ids[1]), server.job(ids[2])
    assert (ship.error, ship.cause, ship.started_utc) == ("rejected: not on a Friday", Cause.NOT_APPROVED, None)
    assert (tell.error, tell.cause) == ("cancelled: required job ship failed", Cause.DEPENDENCY_FAILED)
    assert server.log(ship.id) == b"[control] rejected: not on a Friday"


def test_the_error_of_a_rejection_names_who(server: RunningServer) -> None:
    admin = server.token("admin", name="anna")
    pipeline = server.define(ALONE)
    server.ask("POST", f"/api/v1/pipelines/{pipeline}/run-selection", admin, json={})
    answer = decide(server, "reject", admin, job="ship", reason="no")
    assert answer.json["jobs"][0]["error"] == "rejected by anna: no"


def test_what_nobody_approves_in_time_fails(server: RunningServer) -> None:
    ids = server.run(server.define(JOBS))
    server.clock.step(900)
    server.finish("succeeded")
    server.clock.step(599)
    server.services.jobs.expiry.run_once()
    assert server.job(ids[1]).status == "queued"
    server.restart()
    server.clock.step(1)
    server.services.jobs.expiry.run_once()
    job = server.job(ids[1])
    assert (job.error, job.cause) == ("not approved: nobody decided within 600 s", Cause.NOT_APPROVED)
    assert shown(server).status == "failed"


@pytest.mark.parametrize(
    ("role", "roles", "status"),
    [
        pytest.param("viewer", "[operator]", 403, id="a weaker role"),
        pytest.param("operator", "[operator]", 200, id="the role"),
        pytest.param("operator", "[viewer]", 200, id="a stronger role"),
        pytest.param("operator", "[admin]", 403, id="admins alone"),
        pytest.param("admin", "[operator]", 200, id="an admin always"),
        pytest.param("viewer", "[admin, viewer]", 200, id="one of several"),
    ],
)
def test_the_job_says_whose_approval_it_wants(server: RunningServer, role: str, roles: str, status: int) -> None:
    admin = server.token("admin")
    token = admin if role == "admin" else server.token(role)
    pipeline = server.define(f"[{{id: ship, approval: {{roles: {roles}}}, steps: [{{run: ship}}]}}]")
    server.ask("POST", f"/api/v1/pipelines/{pipeline}/run-selection", admin, json={})
    answer = decide(server, "approve", token, job="ship")
    assert answer.status_code == status, answer.text
    if status == 403:
        assert f"the token {role} has the role {role}" in answer.text


def test_a_matrix_is_approved_whole(server: RunningServer) -> None:
    server.run(server.define(ROWS))
    decide(server, "approve", job="ship")
    assert {server.leased(agent).facts.matrix_name for agent in ("a", "b")} == {"eu", "us"}


def test_a_row_is_decided_alone(server: RunningServer) -> None:
    server.run(server.define(ROWS))
    decide(server, "reject", job="ship/us", reason="no")
    assert states(server) == {"1/ship/eu": "queued", "1/ship/us": "failed"}
    assert decide(server, "approve", job="ship/eu").status_code == 200
    assert server.leased().facts.matrix_name == "eu"


def test_rows_that_wait_for_their_turn_are_approved_with_the_others(server: RunningServer) -> None:
    rows = ROWS.replace("axes:", "max_parallel: 1, axes:")
    server.run(server.define(rows))
    assert shown(server).status == "waiting_approval"
    decide(server, "approve", job="ship")
    assert [server.finish("succeeded").facts.matrix_name for _ in range(2)] == ["eu", "us"]
    assert shown(server).status == "succeeded"


def test_a_job_is_approved_exactly_once(server: RunningServer) -> None:
    server.run(server.define(ALONE))
    assert decide(server, "approve", job="ship").status_code == 200
    for verb in ("approve", "reject"):
        answer = decide(server, verb, job="ship", reason="x")
        assert (answer.status_code, answer.text.splitlines()[0]) == (409, "1/ship was approved already")


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        pytest.param(
            {"job": "ship"}, 409, "1/ship waits for no approval yet: what it needs is not over", id="too early"
        ),
        pytest.param({"job": "make"}, 409, "1/make asks for no approval", id="a job that asks for none"),
        pytest.param({"job": "nothing"}, 404, "job not found", id="no such job"),
        pytest.param({}, 409, "run 1 waits for no approval", id="the whole run"),
        pytest.param({"job": "ship", "reason": "x" * 201}, 400, "reason has 201 characters", id="a long reason"),
    ],
)
def test_what_can_not_be_approved(server: RunningServer, fields: dict[str, Any], status: int, text: str) -> None:
    server.run(server.define(JOBS))
    answer = decide(server, "approve", **fields)
    assert (answer.status_code, text in answer.text) == (status, True), answer.text
    assert "reason is required" in decide(server, "reject", job="ship").text


def test_jobs_of_a_chain_run_are_named_with_their_pipeline(server: RunningServer) -> None:
    pipelines = ", ".join(f"{{id: {name}, jobs: {ALONE}}}" for name in ("one", "two"))
    ids = server.define_project(f"pipelines: [{pipelines}]\npipeline_chains: [{{id: all, pipelines: [one, two]}}]")
    server.run_chain(ids["all"])
    assert decide(server, "approve", job="ship").status_code == 400
    assert decide(server, "approve", job="one/ship").status_code == 200
    assert server.finish("succeeded").facts.pipeline_id == "one"
    assert not server.lease().assigned
    assert decide(server, "approve", job="two/ship").status_code == 200
    assert server.leased().facts.pipeline_id == "two"


def test_a_rerun_asks_again_but_a_retry_does_not(server: RunningServer) -> None:
    retry = "retry: {limit: 1, on: [exit: 75]}"
    [ship] = server.run(server.define(ALONE.replace("approval: {}", f"approval: {{}}, {retry}")))
    decide(server, "approve", job="ship", reason="go")
    server.report(server.running().id, "failed", exit_code=75)
    again = server.running()
    assert (again.retry_of, again.decision and again.decision.reason) == (ship, "go")
    server.report(again.id, "succeeded")
    server.post(f"/api/v1/jobs/{ship}/rerun")
    assert not server.lease().assigned
    assert decide(server, "approve", job="ship").status_code == 200
    assert server.leased().decision


def test_a_rejected_job_can_be_run_again_and_asks_again(server: RunningServer) -> None:
    ids = server.run(server.define(JOBS))
    server.finish("succeeded")
    decide(server, "reject", job="ship", reason="no")
    assert server.post(f"/api/v1/jobs/{ids[1]}/rerun").status_code == 201
    assert not server.lease().assigned
    decide(server, "approve", job="ship")
    assert [server.finish("succeeded").facts.pipeline_job_id for _ in range(2)] == ["ship", "tell"]
    assert shown(server).status == "succeeded"


def test_a_run_that_waits_in_one_place_and_goes_on_in_another_goes_on(server: RunningServer) -> None:
    other = "{id: other, steps: [{run: x}]}"
    server.run(server.define(f"[{ALONE[1:-1]}, {other}]"))
    assert shown(server).status == "queued"
    job = server.running()
    assert shown(server).status == "running"
    server.report(job.id, "succeeded")
    assert shown(server).status == "waiting_approval"


def test_a_run_that_waits_for_its_turn_in_a_group_goes_on_by_itself(server: RunningServer) -> None:
    deploy = "{id: deploy, concurrency: {group: site}, steps: [{run: x}]}"
    pipeline = server.define(f"[{ALONE[1:-1]}, {deploy}]")
    server.run(pipeline)
    server.run(pipeline)
    assert [shown(server, run).status for run in (1, 2)] == ["queued", "queued"]
    server.finish("succeeded")
    server.finish("succeeded")
    assert [shown(server, run).status for run in (1, 2)] == ["waiting_approval", "waiting_approval"]


def test_a_cancel_ends_what_waits(server: RunningServer) -> None:
    [ship] = server.run(server.define(ALONE))
    server.cancel(ship)
    assert shown(server).status == "cancelled"
    server.clock.step(2 * 86_400)
    server.services.jobs.expiry.run_once()
    assert server.job(ship).error == "cancelled by user"


class TestWholeRuns:
    """A run that waits as a whole, such as that of a pull request from a fork."""

    @pytest.fixture
    def held(self, server: RunningServer) -> RunningServer:
        server.run_held(server.define(JOBS), ApprovalSpec(roles=["operator"]))
        return server

    def test_nothing_of_it_begins_before_the_approval(self, held: RunningServer) -> None:
        assert not held.lease().assigned
        run = shown(held)
        assert (run.status, run.jobs[0].waiting_reason) == (
            "waiting_approval",
            "its run needs an approval by an operator or an admin: cictl runs approve 1",
        )
        assert decide(held, "approve", reason="I know her").json["decision"]["reason"] == "I know her"
        assert shown(held).status == "queued"
        assert held.finish("succeeded").facts.pipeline_job_id == "make"

    def test_a_job_of_it_asks_for_its_own_afterwards(self, held: RunningServer) -> None:
        assert decide(held, "approve", job="ship").status_code == 409
        decide(held, "approve")
        held.finish("succeeded")
        assert not held.lease().assigned
        decide(held, "approve", job="ship")
        assert held.leased().facts.pipeline_job_id == "ship"

    def test_a_rejection_ends_all_of_it(self, held: RunningServer) -> None:
        decide(held, "reject", reason="spam")
        run = shown(held)
        assert (run.status, {job.error for job in run.jobs}) == ("failed", {"rejected: spam"})
        assert decide(held, "approve").text.splitlines()[0] == "run 1 was rejected already"

    def test_its_time_runs_from_its_beginning(self, held: RunningServer) -> None:
        held.clock.step(86_400)
        held.services.jobs.expiry.run_once()
        assert {job.cause for job in shown(held).jobs} == {Cause.NOT_APPROVED}
