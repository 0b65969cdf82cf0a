"""Concurrency groups: who waits for whom, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from cictl_testing.server import RunningServer

from cictl.base.job_parts import ApprovalSpec
from cictl.wire.jobs import Cause, JobExecution, JobStatus
from cictl.wire.runs import Run
from cictl.wire.waiting.explain import Explanation, Reason

STEPS = 'steps: [{run: "true"}]'


def pipelines(server: RunningServer, concurrency: str, *, jobs: str = "", name: str = "shop") -> int:
    """Define a pipeline whose runs are in a group, and return its id."""
    jobs = jobs or f"[{{id: one, {STEPS}}}, {{id: two, needs: [one], {STEPS}}}]"
    text = f"pipelines: [{{id: deploy, concurrency: {concurrency}, jobs: {jobs}}}]"
    return server.define_project(text, name=name)["deploy"]


def jobs_in_group(server: RunningServer, concurrency: str, *, before: str = "", rest: str = "") -> int:
    """Define a pipeline with a job that is in a group, and return its id."""
    return server.define(f"[{before} {{id: ship, concurrency: {concurrency}, {rest} {STEPS}}}]")


def given(server: RunningServer, *agents: str) -> list[str]:
    """Let agents ask for work, and return `RUN/JOB` of what they got; an empty text for nothing."""
    found = (server.lease(agent).job_execution for agent in agents)
    return [f"{job.facts.run_number}/{job.facts.pipeline_job_id}" if job else "" for job in found]


def finish(server: RunningServer, agent: str, status: str = "succeeded", **report: Any) -> None:
    """End what an agent holds."""
    with server.store.read() as view:
        [job] = view.jobs.active_of_agent(agent)
    server.report(job.id, "running", agent)
    server.report(job.id, status, agent, **report)


def explained(server: RunningServer, job_id: str) -> Explanation:
    return server.read(Explanation, f"/api/v1/jobs/{job_id}/explain")


def run(server: RunningServer, number: int) -> Run:
    return server.read(Run, f"/api/v1/runs/{number}")


def jobs(server: RunningServer, ids: list[str]) -> list[JobExecution]:
    return [server.job(job_id) for job_id in ids]


class TestRuns:
    def test_one_run_goes_on_at_a_time_in_the_order_of_runs(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live}")
        for _ in range(3):
            server.run(deploy)
        assert given(server, "a", "b") == ["1/one", ""]
        finish(server, "a")
        assert given(server, "a", "b") == ["1/two", ""]
        finish(server, "a")
        assert given(server, "b", "a") == ["2/one", ""]

    def test_as_many_runs_go_on_as_the_limit_says(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live, limit: 2}")
        for _ in range(3):
            server.run(deploy)
        assert given(server, "a", "b", "c") == ["1/one", "2/one", ""]
        finish(server, "b", "failed")
        assert given(server, "b", "c") == ["3/one", ""]

    def test_the_name_is_pinned_when_the_run_starts(self, server: RunningServer) -> None:
        text = "pipelines: [{id: p, inputs: {place: {}}, concurrency: {group: 'to-{{input.place}}'}, "
        pipeline = server.define_project(f"{text} jobs: [{{id: j, {STEPS}}}]}}]")["p"]
        ids = [server.run(pipeline, inputs={"place": place})[0] for place in ("here", "there", "here")]
        pinned = [job.run_concurrency and job.run_concurrency.group for job in jobs(server, ids)]
        assert pinned == ["to-here", "to-there", "to-here"]
        assert given(server, "a", "b", "c") == ["1/j", "2/j", ""]

    def test_a_group_belongs_to_its_project(self, server: RunningServer) -> None:
        for name in ("shop", "tea"):
            server.run(pipelines(server, "{group: live}", name=name))
        assert given(server, "a", "b") == ["1/one", "2/one"]

    def test_a_group_without_a_name_is_none(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: '{{tag}}'}")
        ids = [server.run(deploy)[0] for _ in range(2)]
        assert [job.run_concurrency for job in jobs(server, ids)] == [None, None]
        assert given(server, "a", "b") == ["1/one", "2/one"]

    def test_a_name_that_gets_too_long_is_refused(self, server: RunningServer) -> None:
        text = f"pipelines: [{{id: p, inputs: {{x: {{}}}}, concurrency: {{group: '{{{{input.x}}}}'}}, jobs: [{{id: j, {STEPS}}}]}}]"
        pipeline = server.define_project(text)["p"]
        answer = server.post(f"/api/v1/pipelines/{pipeline}/run-selection", {"inputs": {"x": "x" * 201}})
        message = 'the concurrency group of pipeline "p" has 201 characters; 200 are allowed'
        assert (answer.status_code, answer.text.strip()) == (400, message)

    @pytest.mark.parametrize("way", ["cancel", "delete", "restart"])
    def test_what_goes_away_makes_place(self, server: RunningServer, way: str) -> None:
        deploy = pipelines(server, "{group: live}")
        first, _ = server.run(deploy), server.run(deploy)
        if way == "delete":
            for job_id in reversed(first):
                assert server.http.simulate_delete(f"/api/v1/jobs/{job_id}").status_code == 200
        else:
            server.post("/api/v1/runs/1/cancel")
        if way == "restart":
            server.restart()
        assert given(server, "a", "b") == ["2/one", ""]

    def test_a_rerun_joins_its_run_which_comes_before_newer_ones(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live}", jobs=f"[{{id: one, {STEPS}}}]")
        [first], _, _ = [server.run(deploy) for _ in range(3)]
        given(server, "a")
        finish(server, "a", "failed")
        assert given(server, "a") == ["2/one"]
        server.post(f"/api/v1/jobs/{first}/rerun")
        assert given(server, "b") == [""]
        finish(server, "a")
        assert given(server, "a", "b") == ["1/one", ""]

    def test_a_rerun_in_a_run_that_has_a_place_waits_for_nobody(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live}", jobs=f"[{{id: one, {STEPS}}}, {{id: two, {STEPS}}}]")
        first, _ = server.run(deploy), server.run(deploy)
        given(server, "a", "b")
        finish(server, "a", "failed")
        server.post(f"/api/v1/jobs/{first[0]}/rerun")
        assert given(server, "a", "c") == ["1/one", ""]

    def test_members_of_a_chain_come_in_its_order_and_without_a_deadlock(self, server: RunningServer) -> None:
        pipeline = "{{id: {0}, {1} concurrency: {{group: live}}, jobs: [{{id: {0}, {2}}}]}}"
        members = ", ".join([pipeline.format("base", "", STEPS), pipeline.format("top", "depends_on: [base],", STEPS)])
        chain = server.define_project(f"pipelines: [{members}]\npipeline_chains: [{{id: all, pipelines: [base, top]}}]")
        server.run_chain(chain["all"])
        server.run(chain["base"])
        order = []
        for _ in range(3):
            order += given(server, "a")
            assert given(server, "b") == [""]
            finish(server, "a")
        assert order == ["1/base", "1/top", "2/base"]


class TestExecutions:
    def test_executions_of_several_runs_take_turns(self, server: RunningServer) -> None:
        pipeline = jobs_in_group(server, "{group: port}")
        for _ in range(2):
            server.run(pipeline)
        assert given(server, "a", "b") == ["1/ship", ""]
        finish(server, "a")
        assert given(server, "b") == ["2/ship"]

    def test_an_older_run_comes_first_although_a_newer_one_is_ready(self, server: RunningServer) -> None:
        before = f"{{id: build, {STEPS}}},"
        pipeline = jobs_in_group(server, "{group: live}", before=before, rest="needs: [build],")
        [_, waiting] = [server.run(pipeline)[1] for _ in range(2)]
        assert given(server, "a", "b") == ["1/build", "2/build"]
        finish(server, "b")
        assert given(server, "b") == [""]
        found = explained(server, waiting)
        assert found.summary == "it waits: job 1/ship of shop/build comes first in the group live"
        finish(server, "a")
        assert given(server, "a", "b") == ["1/ship", ""]
        finish(server, "a")
        assert given(server, "b") == ["2/ship"]

    def test_an_older_run_that_fails_before_lets_the_newer_one_go(self, server: RunningServer) -> None:
        before = f"{{id: build, {STEPS}}},"
        pipeline = jobs_in_group(server, "{group: live}", before=before, rest="needs: [build],")
        for _ in range(2):
            server.run(pipeline)
        given(server, "a", "b")
        finish(server, "b")
        finish(server, "a", "failed")
        assert given(server, "b") == ["2/ship"]

    def test_jobs_that_need_each_other_share_a_group(self, server: RunningServer) -> None:
        """The one that needs the other stands first in the file."""
        group = "concurrency: {group: live}"
        pipeline = server.define(f"[{{id: last, needs: [first], {group}, {STEPS}}}, {{id: first, {group}, {STEPS}}}]")
        server.run(pipeline)
        assert given(server, "a", "b") == ["1/first", ""]
        finish(server, "a")
        assert given(server, "a") == ["1/last"]

    def test_a_retry_keeps_the_place(self, server: RunningServer) -> None:
        pipeline = jobs_in_group(server, "{group: live}", rest="retry: {on: [exit: 75]},")
        for _ in range(2):
            server.run(pipeline)
        given(server, "a")
        finish(server, "a", "failed", exit_code=75)
        assert given(server, "a", "b") == ["1/ship", ""]

    def test_a_retried_row_that_waits_for_other_rows_has_no_place(self, server: RunningServer) -> None:
        matrix = "matrix: {include: [{name: x}, {name: y}], max_parallel: 1}, retry: {on: [exit: 75]},"
        server.run(jobs_in_group(server, "{group: live}", rest=matrix))
        given(server, "a")
        finish(server, "a", "failed", exit_code=75)
        for row in ("y", "x"):
            leased = server.leased("a")
            assert leased.facts.matrix_name == row
            finish(server, "a")

    def test_a_run_and_its_jobs_may_have_groups_of_the_same_name(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live}", jobs=f"[{{id: j, concurrency: {{group: live}}, {STEPS}}}]")
        for _ in range(2):
            server.run(deploy)
        for number in (1, 2):
            assert given(server, "a", "b") == [f"{number}/j", ""]
            finish(server, "a")

    def test_rows_are_in_groups_of_their_own_names(self, server: RunningServer) -> None:
        rest = "matrix: {include: [{name: x}, {name: y}]},"
        pipeline = jobs_in_group(server, "{group: 'port-{{name}}'}", rest=rest)
        for _ in range(2):
            server.run(pipeline)
        assert given(server, "a", "b", "c") == ["1/ship", "1/ship", ""]

    def test_what_was_requeued_still_has_its_place(self, server: RunningServer) -> None:
        pipeline = jobs_in_group(server, "{group: live}")
        for _ in range(2):
            server.run(pipeline)
        given(server, "a")
        server.clock.step(46)
        server.services.jobs.expiry.run_once()
        assert given(server, "b", "c") == ["1/ship", ""]


class TestApprovals:
    def test_a_job_that_waits_for_an_approval_lets_newer_runs_pass(self, server: RunningServer) -> None:
        pipeline = jobs_in_group(server, "{group: live}", rest="approval: {},")
        for _ in range(2):
            server.run(pipeline)
        assert given(server, "a") == [""]
        for number in (2, 1):
            assert server.post(f"/api/v1/runs/{number}/approve", {"job": "ship"}).status_code == 200
        assert given(server, "a", "b") == ["2/ship", ""]
        finish(server, "a")
        assert given(server, "a") == ["1/ship"]

    def test_a_run_that_waits_for_an_approval_supersedes_nothing_before_it_has_it(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live, on_new: cancel_running}", jobs=f"[{{id: one, {STEPS}}}]")
        [first] = server.run(deploy)
        server.run_held(deploy, ApprovalSpec())
        assert server.job(first).status == "queued"
        assert server.post("/api/v1/runs/2/approve", {}).status_code == 200
        assert (server.job(first).error, given(server, "a")) == (error(2), ["2/one"])


def error(number: int) -> str:
    return f"cancelled: superseded by run {number}"


class TestNewerRuns:
    def test_a_newer_run_replaces_those_that_wait(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live, on_new: replace_waiting}")
        first, second, _ = [server.run(deploy) for _ in range(3)]
        assert [(job.status, job.cause, job.error) for job in jobs(server, second)] == [
            (JobStatus.FAILED, Cause.SUPERSEDED, error(3))
        ] * 2
        assert [run(server, number).status for number in (1, 2, 3)] == ["queued", "cancelled", "queued"]
        assert {job.status for job in jobs(server, first)} == {JobStatus.QUEUED}
        given(server, "a")
        finish(server, "a", "failed")
        assert given(server, "a") == ["3/one"]

    def test_a_newer_run_cancels_one_that_runs(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live, on_new: cancel_running}")
        [one, two] = server.run(deploy)
        given(server, "a")
        server.report(one, "running", "a", output_append="hello\n", output_offset=0)
        server.run(deploy)
        ended = server.job(one)
        assert (ended.status, ended.cause, ended.error) == (JobStatus.FAILED, Cause.SUPERSEDED, error(2))
        assert ended.output == f"hello\n[control] {error(2)}"
        assert (server.job(two).error, run(server, 1).status) == (error(2), "cancelled")
        assert given(server, "a", "b") == ["2/one", ""]

    def test_a_late_report_of_a_superseded_job_changes_nothing(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live, on_new: cancel_running}")
        [one, _] = server.run(deploy)
        given(server, "a")
        server.report(one, "running", "a")
        server.run(deploy)
        server.report(one, "succeeded", "a")
        assert server.job(one).error == error(2)

    @pytest.mark.parametrize("status", ["queued", "running"])
    def test_what_is_superseded_is_not_retried(self, server: RunningServer, status: str) -> None:
        rest = "retry: {limit: 3, on: [signal, agent_lost, timed_out, exit: 1]},"
        pipeline = jobs_in_group(server, "{group: live, on_new: cancel_running}", rest=rest)
        [first] = server.run(pipeline)
        if status == "running":
            given(server, "a")
            server.report(first, "running", "a")
        server.run(pipeline)
        assert [job.name for job in run(server, 1).jobs] == ["1/ship"]
        assert server.job(first).retried_by == ""

    def test_a_job_is_superseded_once_the_newer_one_is_ready(self, server: RunningServer) -> None:
        before = f"{{id: build, {STEPS}}},"
        group = "{group: live, on_new: replace_waiting}"
        pipeline = jobs_in_group(server, group, before=before, rest="needs: [build],")
        [[_, older], [_, newer]] = [server.run(pipeline) for _ in range(2)]
        given(server, "a", "b")
        assert server.job(older).status == "queued"
        finish(server, "b")
        assert (server.job(older).error, server.job(older).status) == (error(2), "failed")
        assert given(server, "b") == ["2/ship"]
        assert server.job(newer).status == "leased"

    def test_a_newer_run_whose_needs_fail_supersedes_nothing(self, server: RunningServer) -> None:
        before = f"{{id: build, {STEPS}}},"
        group = "{group: live, on_new: cancel_running}"
        pipeline = jobs_in_group(server, group, before=before, rest="needs: [build],")
        [[_, older], _] = [server.run(pipeline) for _ in range(2)]
        given(server, "a", "b")
        finish(server, "b", "failed")
        finish(server, "a")
        assert (given(server, "a"), server.job(older).status) == (["1/ship"], "leased")

    def test_rows_of_one_run_do_not_supersede_each_other(self, server: RunningServer) -> None:
        rest = "matrix: {include: [{name: x}, {name: y}]},"
        server.run(jobs_in_group(server, "{group: live, on_new: cancel_running}", rest=rest))
        for _ in range(2):
            assert given(server, "a", "b") == ["1/ship", ""]
            finish(server, "a")

    def test_a_rerun_of_an_older_run_gives_way_to_a_newer_one_that_is_not_over(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live, on_new: replace_waiting}", jobs=f"[{{id: one, {STEPS}}}]")
        [first] = server.run(deploy)
        given(server, "a")
        finish(server, "a", "failed")
        server.run(deploy)
        rerun = server.post(f"/api/v1/jobs/{first}/rerun").json["job_execution"]
        assert (rerun["status"], rerun["error"]) == ("failed", error(2))
        given(server, "a")
        finish(server, "a")
        rerun = server.post(f"/api/v1/jobs/{first}/rerun").json["job_execution"]
        assert (rerun["status"], given(server, "a")) == ("queued", ["1/one"])

    def test_what_needs_a_superseded_member_of_a_chain_ends_too(self, server: RunningServer) -> None:
        base = f"{{id: base, concurrency: {{group: live, on_new: cancel_running}}, jobs: [{{id: j, {STEPS}}}]}}"
        top = f"{{id: top, depends_on: [base], jobs: [{{id: t, {STEPS}}}]}}"
        text = f"pipelines: [{base}, {top}]\npipeline_chains: [{{id: all, pipelines: [base, top]}}]"
        ids = server.define_project(text)
        [_, late] = server.run_chain(ids["all"])
        server.run(ids["base"])
        assert server.job(late).error == "cancelled: upstream pipeline base failed"
        assert run(server, 1).status == "cancelled"
        assert given(server, "a", "b") == ["2/j", ""]

    def test_a_pinned_run_is_superseded_too(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live, on_new: replace_waiting}", jobs=f"[{{id: one, {STEPS}}}]")
        _, [second] = [server.run(deploy) for _ in range(2)]
        server.post("/api/v1/runs/2/pin")
        server.run(deploy)
        assert (server.job(second).error, run(server, 2).pinned) == (error(3), True)


class TestWhatIsTold:
    def test_a_waiting_run_names_the_one_that_has_its_place(self, server: RunningServer) -> None:
        deploy = pipelines(server, "{group: live}")
        [_, [waiting, blocked]] = [server.run(deploy) for _ in range(2)]
        given(server, "a")
        text = "run 1 of shop/deploy holds the group live"
        found = explained(server, waiting)
        assert (found.reason, found.summary) == (Reason.GROUP, f"it waits: {text}")
        assert [(b.need, b.short_id) for b in found.blocked_by] == [("group live", "1/one")]
        assert [fix.command for fix in found.fixes] == ["cictl runs show 1", "cictl runs cancel 1"]
        assert server.job(waiting).waiting_reason == text
        assert [job.waiting_reason for job in run(server, 2).jobs] == [text, text]
        assert explained(server, blocked).summary == f"it waits: {text}"

    def test_several_with_places_are_counted(self, server: RunningServer) -> None:
        pipeline = jobs_in_group(server, "{group: live, limit: 2}")
        ids = [server.run(pipeline)[0] for _ in range(3)]
        given(server, "a", "b")
        assert server.job(ids[2]).waiting_reason == "job 1/ship of shop/build and 1 more hold the group live"

    def test_a_superseded_job_tells_by_what(self, server: RunningServer) -> None:
        pipeline = jobs_in_group(server, "{group: live, on_new: cancel_running}")
        first, _ = [server.run(pipeline)[0] for _ in range(2)]
        found = explained(server, first)
        assert (found.cause, found.summary) == (Cause.SUPERSEDED, "it was cancelled: superseded by run 2")
        assert [fix.command for fix in found.fixes] == ["cictl jobs rerun 1/ship"]
        listed = server.http.simulate_get("/api/v1/jobs?status=cancelled").json["job_executions"]
        assert [job["id"] for job in listed] == [first]
