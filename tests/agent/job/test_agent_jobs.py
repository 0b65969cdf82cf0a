"""Whole jobs, through an agent and a scripted server."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.agents.thread import AgentThread, gone
from cictl_testing.files import make_repository, zipped
from cictl_testing.servers.scripted_server import ScriptedServer, ServedJob

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import Cause, JobStatus, Source, Step
from cictl_agent.job import failures
from cictl_agent.log.file_listing import Level, Listing
from cictl_agent.system.commands import Exit

RunJob = Callable[..., ServedJob]


@pytest.fixture
def run(server: ScriptedServer, agent: AgentThread) -> RunJob:
    """Return a verb that has a job run to its end."""

    def run_job(**fields: Any) -> ServedJob:
        return server.finished(server.enqueue(**fields))

    return run_job


def plan(*scripts: str, **fields: Any) -> list[Step]:
    """Return a step plan; *fields* go to each of its steps."""
    numbered = enumerate(scripts, start=1)
    return [Step(index=i, total=len(scripts), name=f"step_{i}", script=s, **fields) for i, s in numbered]


def test_script_without_a_plan(run: RunJob) -> None:
    job = run(script="echo hello")
    assert (job.status, job.last.exit_code, job.last.error) == (JobStatus.SUCCEEDED, 0, "")
    assert job.text.endswith("hello\n")


def test_script_without_a_plan_fails_with_its_code(run: RunJob) -> None:
    last = run(script="exit 3").last
    assert (last.status, last.exit_code, last.error, last.cause) == ("failed", 3, "exit status 3", Cause.STEP_FAILED)


@pytest.mark.parametrize("length", [131_000, 131_071, 131_072, 400_000])
def test_script_may_be_longer_than_a_command_line(run: RunJob, length: int) -> None:
    begin, end = "echo begin; cat; cat /dev/stdin\n: ", "\nfalse\necho never"
    padding = "x" * (length - len("set -e\n" + begin + end))
    job = run(script=begin + padding + end)
    assert job.text.endswith("\nbegin\n")
    assert (job.last.error, job.last.exit_code) == ("exit status 1", 1)


def test_long_script_is_traced_like_a_short_one_and_leaves_nothing(server: ScriptedServer, tmp_path: Path) -> None:
    agent = AgentThread(server, tmp_path / "work", trace_shell=True)
    filler = "# " + "x" * 200_000
    short, long = (server.finished(server.enqueue(script=f"{text}\necho one\nexit 3")) for text in ("# x", filler))
    agent.stop()
    files = [path.name for path in agent.config.spool_dir.rglob("*")]
    assert long.text.partition("\n")[2] == short.text.partition("\n")[2] == "+ echo one\none\n+ exit 3\n"
    assert files == []


@pytest.mark.parametrize("length", [1, 200_000])
def test_script_with_a_nul_fails_the_job(run: RunJob, length: int) -> None:
    assert run(script="x" * length + "\0").last.error == "start shell: embedded null byte"


def test_first_failing_step_ends_the_job(run: RunJob) -> None:
    job = run(step_plan=plan("echo one", "false\necho not here", "echo never"))
    assert (job.last.error, job.last.exit_code) == ("Step 2/3: false: exit status 1", 1)
    assert job.text.endswith(
        "[run] Step 1/3: echo one\none\n"
        "[run] Step 2/3: false\n[run] | echo not here\n"
        "[run] step failed: Step 2/3: false: exit status 1\n"
    )


@pytest.mark.parametrize(
    ("metadata", "secrets"), [({"has_secrets": "1"}, []), ({"adhoc": "1"}, []), ({}, ["hunter22"])]
)
def test_commands_that_could_tell_a_secret_are_not_shown(
    run: RunJob, metadata: dict[str, str], secrets: list[str]
) -> None:
    job = run(step_plan=plan("true\n: hidden"), metadata=metadata, sensitive_values=secrets)
    assert "hidden" not in job.text


def test_a_long_script_is_shown_in_part(run: RunJob) -> None:
    text = run(step_plan=plan("\n".join(f": {number:0300}" for number in range(30)))).text
    assert text.count("[run] | : 0000") == 20
    assert text.endswith("[run] | … 9 more lines\n")
    assert max(map(len, text.splitlines())) < 200


def test_a_script_sees_its_own_errors_only(run: RunJob) -> None:
    """A trace would go where errors go: into what a script captures."""
    assert run(step_plan=plan('v=$(true 2>&1); echo "<$v>"')).text.endswith("<>\n")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("nonesuch-command", "exit status 127 (command not found)", id="127"),
        pytest.param("exit 126", "exit status 126 (not executable)", id="126"),
        pytest.param("sh -c 'kill -SEGV $$'", "exit status 139 (128 + SIGSEGV)", id="signal-below"),
        pytest.param("exit 200", "exit status 200", id="another"),
    ],
)
def test_what_an_exit_code_says_is_said(run: RunJob, script: str, reason: str) -> None:
    assert run(script=script).last.error == reason


@pytest.mark.parametrize(
    ("returncode", "reason"),
    [
        (-9, "killed by SIGKILL, out of memory?"),
        (137, "exit status 137 (128 + SIGKILL, out of memory?)"),
        (-15, "killed by SIGTERM"),
        (1, "exit status 1"),
    ],
)
def test_memory_is_only_suspected_of_its_own_signal(returncode: int, reason: str) -> None:
    assert failures.script_failure(Exit(returncode), ran_out_of_memory=True) == reason


def test_step_killed_by_a_signal(run: RunJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(failures, "_VMSTAT", tmp_path / "none")  # other processes of this machine may run out of memory
    last = run(step_plan=plan("kill -KILL $$")).last
    assert (last.error, last.exit_code) == ("Step 1/1: kill -KILL $$: killed by SIGKILL", -1)


def test_steps_are_told_as_events_without_scripts_and_environments(run: RunJob) -> None:
    job = run(step_plan=plan("true", "true", env={"A": "b"}))
    events = [event for report in job.reports for event in report.events]
    assert [(e.type, e.step.index, e.step.name) for e in events if e.step] == [
        ("step.started", 1, "step_1"),
        ("step.started", 2, "step_2"),
    ]
    assert all(e.timestamp_utc and e.step and not e.step.script and not e.step.env for e in events)


def test_first_report_is_that_the_job_runs(run: RunJob) -> None:
    first = run(script="true").reports[0]
    assert (first.status, first.current_step, first.output_append) == ("running", "Preparing execution", "")


def test_skipped_and_blank_steps(run: RunJob) -> None:
    job = run(step_plan=[Step(index=1, total=2, name="push", kind="dryrun_skip"), Step(index=2, total=2, name="blank")])
    assert job.status is JobStatus.SUCCEEDED
    assert "[dry-run] skipped step: push" in job.text
    assert "blank" not in job.text


def test_environment_of_steps(run: RunJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_AGENT", "agent")
    monkeypatch.setenv("CICTL_TOKEN", "t0ken")
    for name in ("CIWI_GITHUB_TOKEN", "CICTL_VAULT_MAIN", "CIWI_VAULT_MAIN"):
        monkeypatch.setenv(name, "t0ken")
    job = run(
        env={"CIWI_PIPELINE_VERSION": "1.2", "WHO": "job", "WHERE": "job"},
        step_plan=plan('echo "$FROM_AGENT,$WHO,$WHERE,$CICTL_PIPELINE_VERSION,$GOFLAGS"; env', env={"WHERE": "step"}),
    )
    assert "agent,job,step,1.2,-v\n" in job.text
    assert "t0ken" not in job.text


def test_source_is_checked_out_and_steps_run_in_it(run: RunJob, tmp_path: Path) -> None:
    origin = make_repository(tmp_path / "origin", {"f.txt": "content"})
    job = run(source=Source(repo=str(origin), ref="main"), step_plan=plan("cat f.txt"))
    assert job.text.endswith("content")


def test_failed_checkout_fails_the_job_with_gits_code(run: RunJob, tmp_path: Path) -> None:
    last = run(source=Source(repo=str(tmp_path / "nowhere"))).last
    assert (last.exit_code, last.error) == (128, "checkout failed: git clone: exit status 128")


def test_workspace_is_empty_at_each_start(run: RunJob) -> None:
    metadata = {"project": "shop", "project_id": "1", "pipeline_job_id": "build"}
    run(script="touch left; mkdir d; touch d/f; chmod 500 d", metadata=metadata)
    assert run(script="ls", metadata=metadata).text.endswith("env-default\n")


@pytest.mark.weakness("A12.5e")
def test_secrets_are_masked_in_log_error_and_tests(run: RunJob) -> None:
    report = '<testsuite><testcase name="hunter22"><failure>hunter22</failure></testcase></testsuite>'
    step = Step(
        index=1,
        name="say hunter22",
        kind="test",
        test_report="r.xml",
        test_format="junit",
        script=f"printf hunt; printf er22; echo '{report}' > r.xml; exit 1",
    )
    job = run(step_plan=[step], sensitive_values=["hunter22"])
    assert job.last.error == "Step 1: say ***: 1 of 1 test failed"
    assert job.tests is not None
    assert "***" in job.text
    assert "hunter22" not in job.text + str(job.tests)


def test_artifacts_are_kept_with_their_modes_also_of_a_failed_job(run: RunJob) -> None:
    job = run(script="mkdir out; echo x > out/tool; chmod 755 out/tool; exit 4", artifact_globs=["out/**"])
    assert job.last.exit_code == 4
    assert job.files == {"out/tool": b"x\n"}
    with zipfile.ZipFile(io.BytesIO(job.archive)) as archive:
        assert archive.getinfo("out/tool").external_attr >> 16 & 0o777 == 0o755


def test_artifacts_go_as_json_when_the_zip_is_refused(server: ScriptedServer, run: RunJob) -> None:
    server.fail_next("upload-zip", status=405)
    assert run(script="echo x > f", artifact_globs=["f"]).files == {"f": b"x\n"}


@pytest.mark.parametrize(("features", "kept"), [(("log-append",), 2500), (("log-append", "artifact-limits"), 2501)])
def test_only_a_reference_server_has_the_limits_of_the_contract(
    tmp_path: Path, features: tuple[str, ...], kept: int
) -> None:
    server = ScriptedServer(features)
    agent = AgentThread(server, tmp_path / "work")
    job = server.finished(server.enqueue(script="mkdir d; cd d; touch $(seq 2501)", artifact_globs=["d/*"]))
    agent.stop()
    server.close()
    assert (job.status, len(job.files)) == (JobStatus.SUCCEEDED, kept)
    assert job.last.warnings == ["left out, more than the 2500 files that this server takes: d/999"] * (kept == 2500)


@pytest.mark.parametrize(("feature", "cause"), [("server-retries", Cause.START_FAILED), ("explain", None)])
def test_a_job_that_the_agent_could_not_begin_says_so_to_a_server_that_knows_the_word(
    tmp_path: Path, feature: str, cause: Cause | None
) -> None:
    server = ScriptedServer(("log-append", feature))
    agent = AgentThread(server, tmp_path / "work")
    needs_gone = {"CIWI_DEP_ARTIFACT_JOB_IDS": "gone"}
    server.fail_next("/api/v1/jobs/gone/", times=100, status=403)
    job = server.finished(server.enqueue(script="echo x", env=needs_gone))
    in_a_step = server.finished(server.enqueue(script="exit 1"))
    agent.stop()
    server.close()
    assert job.last.error.startswith("dependency artifact download failed: gone: ")
    assert (job.last.cause, in_a_step.last.cause) == (cause, Cause.STEP_FAILED)


def test_artifacts_survive_a_passing_outage(server: ScriptedServer, run: RunJob) -> None:
    server.fail_next("upload-zip", status=503)
    job = run(script="echo x > f", artifact_globs=["f"])
    assert (job.status, job.files) == (JobStatus.SUCCEEDED, {"f": b"x\n"})


def test_large_files_that_are_packed_already_arrive_whole(server: ScriptedServer, run: RunJob) -> None:
    script = "head -c 3000000 /dev/urandom > noise; head -c 2000000 /dev/zero > zeros; cksum noise zeros"
    server.fail_next("upload-zip", status=503)
    job = run(script=script, artifact_globs=["*"])
    assert {name: len(data) for name, data in job.files.items()} == {"noise": 3_000_000, "zeros": 2_000_000}
    checked = subprocess.run("cksum", input=job.files["noise"], stdout=subprocess.PIPE, check=True).stdout
    assert f"{checked.decode().strip()} noise\n" in job.text


def test_an_upload_that_takes_too_long_ends(server: ScriptedServer, agent: AgentThread) -> None:
    server.fail_next("upload-zip", status=503, times=99)
    job_id = server.enqueue(script="echo x > f", artifact_globs=["f"], timeout_seconds=1000)
    server.begun(job_id, "[artifacts] uploading")
    agent.let_time_pass()
    job = server.finished(job_id)
    assert (job.last.error, job.last.cause) == ("job timed out", Cause.TIMED_OUT)
    assert job.text.endswith("[control] job timed out, and its artifacts are not kept\n")


def test_failed_upload_fails_a_good_job(server: ScriptedServer, run: RunJob) -> None:
    server.fail_next("artifacts", status=413, times=9, text="too big")
    last = run(script="echo x > f", artifact_globs=["f"]).last
    assert (last.status, last.exit_code) == ("failed", None)
    assert last.error.startswith("artifact upload failed: ")
    assert "413; raise its limit for the size of requests" in last.error


@pytest.mark.weakness("A12.9b")
def test_failed_upload_does_not_hide_the_steps_own_error(server: ScriptedServer, run: RunJob) -> None:
    server.fail_next("artifacts", status=413, times=9)
    last = run(script="echo x > f; exit 5", artifact_globs=["f"]).last
    assert (last.error, last.exit_code) == ("exit status 5", 5)


def test_dependency_artifacts_are_restored_before_the_steps(server: ScriptedServer, run: RunJob) -> None:
    server.dependencies["job-a"] = zipped({"bin/tool": b"#!/bin/sh\necho ran", "test-report.json": b"{}"}, mode=0o755)
    job = run(script="ls; bin/tool", env={"CIWI_DEP_ARTIFACT_JOB_ID": "job-a"})
    assert job.text.endswith("bin\nran\n")


def test_broken_dependency_archive_falls_back_to_single_files(server: ScriptedServer, run: RunJob) -> None:
    server.dependencies["job-a"] = zipped({"f": b"from a"})
    server.fail_next("download-all", status=404)
    assert run(script="cat f", env={"CIWI_DEP_ARTIFACT_JOB_ID": "job-a"}).text.endswith("from a")


def test_files_that_move_are_listed_as_far_as_wanted(server: ScriptedServer, tmp_path: Path) -> None:
    server.dependencies["job-a"] = zipped({"in/x": b"1", "in/y": b"22"})
    listing = Listing(level=Level.VERBOSE, most_lines=2)
    agent = AgentThread(server, tmp_path / "work", artifact_listing=listing, dependency_listing=listing)
    fields: dict[str, Any] = {"env": {"CIWI_DEP_ARTIFACT_JOB_ID": "job-a"}, "artifact_globs": ["out/*"]}
    text = server.finished(server.enqueue(script="mkdir out; cd out; touch a b c", **fields)).text
    agent.stop()
    restored = "[dep-artifacts] job-a: restored 2 files\n[dep-artifacts]   in/x\n[dep-artifacts]   in/y\n"
    listed = "[artifacts]   out/a (0 bytes)\n[artifacts]   out/b (0 bytes)\n[artifacts]   and 1 more\n"
    assert restored in text
    assert text.endswith("[artifacts] uploading 3 files, 0 bytes\n" + listed)


def test_files_that_move_are_not_mentioned_where_that_is_not_wanted(server: ScriptedServer, tmp_path: Path) -> None:
    server.dependencies["job-a"] = zipped({"in/x": b"1"})
    listing = Listing(level=Level.NONE)
    agent = AgentThread(server, tmp_path / "work", artifact_listing=listing, dependency_listing=listing)
    fields: dict[str, Any] = {"env": {"CIWI_DEP_ARTIFACT_JOB_ID": "job-a"}, "artifact_globs": ["*/x", "[a"]}
    text = server.finished(server.enqueue(script="true", **fields)).text
    agent.stop()
    assert "[dep-artifacts]" not in text
    assert text.count("[artifacts]") == 1
    assert "[artifacts] warning: pattern '[a' is skipped: a [ is not closed\n" in text


def test_missing_dependency_fails_the_job(server: ScriptedServer, run: RunJob) -> None:
    server.fail_next("job-x/artifacts", status=404, text="no such job")
    error = "dependency artifact download failed: job-x: "
    assert run(env={"CIWI_DEP_ARTIFACT_JOB_IDS": "job-x"}).last.error.startswith(error)


def test_caches_live_on_and_are_measured(run: RunJob) -> None:
    spec = [CacheSpec(id="Deps", env="DEPS_DIR")]
    first = run(script='echo abc > "$DEPS_DIR/f"', caches=spec).last.cache_stats[0]
    second = run(script='cat "$DEPS_DIR/f"', caches=spec)
    assert (first.source, second.last.cache_stats[0].source) == ("miss", "hit")
    assert (first.files, first.size_bytes, first.env, Path(first.path).name) == (2, 4, "DEPS_DIR", "deps")
    assert second.text.endswith("abc\n")


def junit(script_end: str = "", **fields: Any) -> list[Step]:
    content = (
        '<testsuite name="s"><testcase name="a"/><testcase name="b"><failure message="no"/></testcase></testsuite>'
    )
    script = f"echo '{content}' > r.xml\n{script_end}"
    return [Step(index=1, name="unit", kind="test", script=script, **{"test_report": "r.xml", **fields})]


def test_failed_tests_fail_a_good_job(run: RunJob) -> None:
    job = run(step_plan=junit(test_format="junit-xml"))
    assert job.last.error == "Step 1: unit: 1 of 2 tests failed"
    assert job.tests is not None
    assert (job.tests.total, job.tests.passed, job.tests.failed, job.tests.suites[0].name) == (2, 1, 1, "unit")


@pytest.mark.parametrize("path", ["/nonexistent", "", "."])
def test_a_path_of_a_steps_own_does_not_hide_the_shell(run: RunJob, path: str) -> None:
    job = run(step_plan=[Step(index=1, name="s", script="echo started", env={"PATH": path})])
    assert (job.last.status, "\nstarted" in job.text) == ("succeeded", True)


def test_a_directory_that_a_step_removed_fails_the_next_one_in_plain_words(run: RunJob) -> None:
    job = run(step_plan=[Step(index=1, script='rm -r "$PWD"'), Step(index=2, script="true")])
    assert job.last.error == "start shell: the directory that steps run in is gone; an earlier step removed it"
    assert job.last.cause == "step_failed"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        pytest.param({"A=B": "x"}, "'A=B' can't be the name of a variable", id="equals sign"),
        pytest.param({"KEY": "a\0b"}, "the value of the variable KEY has a NUL in it", id="NUL"),
    ],
)
def test_a_variable_that_no_process_can_have_is_named(run: RunJob, variables: dict[str, str], reason: str) -> None:
    last = run(step_plan=[Step(index=1, script="true", env=variables)]).last
    assert (last.error, last.cause) == (f"start shell: {reason}", "step_failed")


def test_a_repository_that_the_agent_was_started_in_is_not_the_jobs(
    run: RunJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "agents.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "agents.index"))
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -F ours")
    job = run(script="git init -q . && ls -d .git && echo ${GIT_SSH_COMMAND}")
    assert job.last.status == "succeeded"
    assert job.text.endswith(".git\nssh -F ours\n")


def test_a_report_with_failures_ends_the_job_at_its_step(run: RunJob) -> None:
    deploy = Step(index=2, name="deploy", script="touch deployed; echo deployed")
    job = run(step_plan=[*junit(test_format="junit-xml"), deploy])
    assert job.last.error == "Step 1: unit: 1 of 2 tests failed"
    assert "\ndeployed" not in job.text


def test_coverage_of_all_steps_is_one(run: RunJob) -> None:
    def covering(index: int, lines: str) -> Step:
        script = f"printf 'SF:a.c\n{lines}\n' > c.info"
        return Step(index=index, kind="test", script=script, coverage_report="c.info")

    job = run(step_plan=[covering(1, "DA:1,1\\nDA:2,0"), covering(2, "DA:1,0\\nDA:2,1")])
    assert job.tests is not None
    assert job.tests.coverage is not None
    assert (job.tests.coverage.covered_lines, job.tests.coverage.total_lines) == (2, 2)


def test_tests_of_a_failed_step_are_reported(run: RunJob) -> None:
    job = run(step_plan=junit("exit 9", test_format="junit-xml"))
    assert (job.last.error, job.last.exit_code) == ("Step 1: unit: 1 of 2 tests failed", 9)
    assert job.tests is not None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"test_report": "no.xml"}, 'Step 1: unit: read report "no.xml": No such file', id="missing"),
        pytest.param({"test_format": "tap"}, 'Step 1: unit: unsupported test format "tap"', id="format"),
        pytest.param({"test_format": "junit", "coverage_report": "r.xml"}, "not a Cobertura report", id="broken"),
    ],
)
def test_report_that_cannot_be_read_fails_a_good_step(run: RunJob, fields: dict[str, str], error: str) -> None:
    last = run(step_plan=junit(**fields)).last
    assert last.status == "failed"
    assert error in last.error


def test_coverage_is_reported(run: RunJob) -> None:
    script = "printf 'SF:a.c\\nDA:1,1\\nDA:2,0\\nend_of_record\\n' > c.info"
    job = run(step_plan=[Step(index=1, kind="test", script=script, coverage_report="c.info")])
    assert job.tests is not None
    assert job.tests.coverage is not None
    assert job.tests.coverage.percent == 50


def test_job_that_takes_too_long(server: ScriptedServer, agent: AgentThread) -> None:
    job = server.begun(server.enqueue(script="echo ready; sleep 1000", timeout_seconds=1000), "ready")
    agent.let_time_pass()
    last = server.finished(job.execution.id).last
    assert (last.error, last.cause, last.exit_code) == ("job timed out", Cause.TIMED_OUT, -1)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param(
            {"required_capabilities": {"requires.container.tool.git": "*"}},
            "container tool requirements require runs_on.container_image",
            id="container-tool",
        ),
        pytest.param(
            {"required_capabilities": {"shell": "cmd"}}, 'resolve job shell: unsupported shell "cmd"', id="shell"
        ),
        pytest.param(
            {"required_capabilities": {"requires.tool.nonesuch": ">=1"}},
            "host tool requirements unmet: nonesuch missing on agent runtime (required >=1)",
            id="tool",
        ),
    ],
)
def test_what_this_agent_cannot_offer_fails_the_job(run: RunJob, fields: dict[str, Any], error: str) -> None:
    assert run(**fields).last.error == error


def test_tool_version_is_looked_at_again(run: RunJob) -> None:
    last = run(required_capabilities={"requires.tool.git": ">=1000"}).last
    assert last.error.startswith("host tool requirements unmet: git=")
    assert last.error.endswith(" does not satisfy >=1000")
    assert last.runtime_capabilities["host.tool.git"] in last.error


def test_processes_left_behind_are_gone_when_the_job_is_over(run: RunJob) -> None:
    left = "setsid sh -c 'touch up; sleep 1000; :' > /dev/null 2>&1"
    job = run(script=f"{left} & echo pid=$!; until [ -e up ]; do sleep 0.02; done")
    pid = int(job.text.rpartition("pid=")[2].partition("\n")[0])
    assert gone(pid)
    assert f"sh ({pid})" in job.text.partition("[run] killed at the job's end: ")[2]


@pytest.mark.parametrize(
    ("command", "is_named"),
    [("container cleanup 1f2e", False), ("container prune", True)],
    ids=["engine", "step"],
)
def test_the_engine_cleans_up_behind_a_service_unnamed(run: RunJob, command: str, is_named: bool) -> None:
    podman = "printf '#!/bin/sh\\ntouch up; sleep 1000; :\\n' > podman; chmod +x podman"
    job = run(script=f"{podman}; setsid ./podman {command} > /dev/null 2>&1 & until [ -e up ]; do sleep 0.02; done")
    assert ("[run] killed at the job's end: podman (" in job.text) == is_named


def test_nothing_of_a_finished_job_stays_in_the_spool(run: RunJob, agent: AgentThread) -> None:
    run(script="echo x")
    run(script="echo y")
    agent.stop()
    assert list(agent.config.spool_dir.iterdir()) == []
