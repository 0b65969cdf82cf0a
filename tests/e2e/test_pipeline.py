"""The main job on real input: a server, agents, the command line, a git repository."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace, eventually

from cictl.wire.agents import LeaseRequest
from cictl_client import Client

HEAD = "version: 1\nproject: {name: shop}\npipelines:\n"


def define(place: Workplace, jobs: str, *, files: dict[str, str] | None = None) -> Path:
    """Import a repository whose pipeline `build` has these *jobs* (YAML below `jobs:`)."""
    repository = place.directory / "repository"
    text = f"{HEAD}  - id: build\n    vcs_source: {{repo: {repository}, ref: main}}\n    jobs:\n{jobs}"
    make_repository(repository, {"cictl.yaml": text, **(files or {})})
    place.ok("projects", "import", str(repository))
    return repository


def job_ids(place: Workplace) -> list[str]:
    return place.ok("jobs", "list", "-o", "name").split()


def test_a_followed_run_shows_lines_while_they_are_written(workplace: Workplace) -> None:
    workplace.start_agent()
    gate = workplace.directory / "gate"
    define(
        workplace,
        f"      - id: wait\n        steps:\n"
        f"          - run: echo first; while [ ! -e {gate} ]; do sleep 0.05; done; echo second\n",
    )
    run = workplace.background("run", "shop/build", "--follow")
    run.wait_for_line("first", is_whole=True)
    gate.touch()
    run.wait_for_line("second", is_whole=True)
    assert run.wait() == 0


def test_a_failing_step_is_named_and_its_exit_code_is_the_runs(workplace: Workplace) -> None:
    workplace.start_agent()
    define(
        workplace,
        "      - id: check\n        steps:\n          - run: echo fine\n          - run: echo the reason; exit 7\n",
    )
    done = workplace.cictl("run", "shop/build", "--wait")
    assert done.returncode == 3
    assert "Step 2/2: echo the reason; exit 7: exit status 7" in done.stderr
    assert "the reason" in done.stderr


def test_tests_artifacts_and_needs_of_a_matrix(workplace: Workplace) -> None:
    workplace.start_agent()
    report = '<testsuite name="s"><testcase name="good"/><testcase name="skipped"><skipped/></testcase></testsuite>'
    define(
        workplace,
        """\
      - id: test
        matrix: {include: [{name: one}, {name: two}]}
        artifacts: ["out/*.txt", "*.zip"]
        steps:
          - run: mkdir out && echo {{name}} > out/{{name}}.txt && ln -s {{name}}.txt out/link.txt
          - test: {name: unit, command: cp report.xml out/, format: junit-xml, report: out/report.xml}
      - id: ship
        needs: [test]
        steps: [{run: "echo shipped"}]
""",
        files={"report.xml": report},
    )
    done = workplace.cictl("run", "shop/build", "--wait")
    assert done.returncode == 0
    assert "test/one: warning: pattern '*.zip' matches no file\n" in done.stderr
    jobs = json.loads(workplace.ok("jobs", "list", "-o", "json"))["job_executions"]
    assert {job["status"] for job in jobs} == {"succeeded"}
    one = next(job for job in jobs if job["metadata"].get("matrix_name") == "one")
    assert one["test_summary"] == {"total": 2, "passed": 1, "failed": 0, "skipped": 1}
    workplace.ok("jobs", "download", one["id"], "out/one.txt", "-C", str(workplace.directory / "got"))
    assert [p.read_text() for p in (workplace.directory / "got").rglob("one.txt")] == ["one\n"]
    workplace.ok("jobs", "download", one["id"], "--all", "-C", str(workplace.directory / "all"))
    link = workplace.directory / "all" / "out" / "link.txt"
    assert (str(link.readlink()), link.read_text()) == ("one.txt", "one\n")


def test_a_job_gets_the_files_of_all_rows_that_it_needs(workplace: Workplace) -> None:
    workplace.start_agent()
    define(
        workplace,
        """\
      - id: brew
        matrix: {axes: {tea: [green, black]}}
        artifacts: ["out/**"]
        steps: [{run: "mkdir out; echo {{tea}} | tee out/{{tea}} > out/last"}]
      - id: unwanted
        artifacts: ["out/**"]
        steps: [{run: "mkdir out; touch out/unwanted"}]
      - id: serve
        needs: [brew, {job: unwanted, artifacts: false}]
        steps: [{run: "ls out; cat out/last"}]
""",
    )
    done = workplace.cictl("run", "shop/build", "--follow")
    assert done.returncode == 0
    assert "serve: warning: " in done.stderr
    assert "replaced out/last, which had other content" in done.stderr
    serve = json.loads(workplace.ok("jobs", "list", "-o", "json"))["job_executions"][0]
    assert workplace.ok("jobs", "logs", serve["id"]).split("\n")[-5:-1] == ["black", "green", "last", "black"]


def test_a_source_is_checked_out_into_its_path(workplace: Workplace) -> None:
    workplace.start_agent()
    repository = define(
        workplace,
        """\
      - id: look
        artifacts: ["parts/shop/README"]
        steps: [{run: "cat parts/shop/README; git -C parts/shop rev-parse --is-shallow-repository; ls -A"}]
""",
        files={"README": "the shop"},
    )
    text = (repository / "cictl.yaml").read_text().replace("ref: main", "ref: main, path: parts/shop")
    make_repository(repository, {"cictl.yaml": text})
    workplace.ok("projects", "reload", "shop")
    workplace.ok("run", "shop/build", "--wait")
    log = workplace.ok("jobs", "logs", "1/look").splitlines()
    assert log[log.index("the shoptrue") :][:2] == ["the shoptrue", "parts"]
    assert workplace.ok("jobs", "artifacts", "1/look", "-o", "name") == "parts/shop/README\n"


def test_groups_of_artifacts_have_names(workplace: Workplace) -> None:
    workplace.start_agent()
    define(
        workplace,
        """\
      - id: brew
        artifacts: [notes, {paths: ["out/*"], name: tea}, {paths: ["*.log"], name: logs, when: always}]
        steps: [{run: "mkdir out; touch out/black out/green notes all.log"}]
""",
    )
    workplace.ok("run", "shop/build", "--wait")
    listed = workplace.ok("jobs", "artifacts", "1/brew").splitlines()
    assert [line.split() for line in listed] == [
        ["PATH", "SIZE", "NAME"],
        ["all.log", "0", "B", "logs"],
        ["notes", "0", "B", "-"],
        ["out/black", "0", "B", "tea"],
        ["out/green", "0", "B", "tea"],
    ]
    got = workplace.directory / "got"
    workplace.ok("jobs", "download", "1/brew", "--name", "tea", "-O", str(got))
    assert sorted(path.name for path in got.rglob("*") if path.is_file()) == ["black", "green"]
    missing = workplace.cictl("jobs", "download", "1/brew", "--name", "log")
    assert missing.returncode == 5
    assert "name of artifacts 'log' not found; did you mean logs?" in missing.stderr


def test_cancel_ends_the_process_tree_and_keeps_the_log(workplace: Workplace) -> None:
    workplace.start_agent()
    pids = workplace.directory / "pids"
    define(
        workplace,
        f"      - id: sleepy\n        steps:\n"
        f"          - run: echo before; sleep 600 & echo $! > {pids}; setsid sleep 600 & echo $! >> {pids}; "
        f"echo ready; wait\n",
    )
    workplace.ok("run", "shop/build")
    [job_id] = job_ids(workplace)
    workplace.wait_for_log(job_id, "ready")
    workplace.ok("jobs", "cancel", job_id)
    eventually(lambda: not alive(pids), what="the end of the process tree")
    log = workplace.ok("jobs", "logs", job_id)
    assert "before" in log
    assert log.rstrip().splitlines()[-1] == "[control] job cancelled by user"
    again = workplace.cictl("jobs", "cancel", job_id)
    assert again.returncode == 0
    assert "already" in again.stdout + again.stderr


def alive(pids: Path) -> list[int]:
    """Return those of the processes in the file that still run; a zombie does not."""
    running = []
    for pid in map(int, pids.read_text().split()):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state != "Z":
            running.append(pid)
    return running


def test_deactivation_ends_the_job_and_outlives_a_restart(workplace: Workplace) -> None:
    workplace.start_agent()
    gate = workplace.directory / "gate"
    define(
        workplace,
        f"      - id: work\n        steps: [{{run: 'echo begun; while [ ! -e {gate} ]; do sleep 0.05; done'}}]\n",
    )
    workplace.ok("run", "shop/build")
    [first] = job_ids(workplace)
    workplace.wait_for_log(first, "begun")
    workplace.ok("agents", "deactivate", "a")
    ended = json.loads(workplace.ok("jobs", "show", first, "-o", "json"))["job_execution"]
    assert (ended["status"], ended["error"]) == ("failed", "cancelled by user")
    assert "begun" in ended["output"]
    workplace.server.kill()
    workplace.start_server()
    with Client(workplace.url) as client:
        assert client.lease(LeaseRequest(agent_id="a")).message == "agent is deactivated"
    gate.touch()
    workplace.ok("run", "shop/build")
    workplace.ok("agents", "activate", "a")
    newest = job_ids(workplace)[0]
    assert workplace.cictl("jobs", "watch", newest).returncode == 0


def test_a_killed_server_loses_nothing(workplace: Workplace) -> None:
    """The job finishes, its log is what was printed to the byte, and the follower gets the right exit code."""
    workplace.start_agent()
    gate, copy = workplace.directory / "gate", workplace.directory / "copy"
    script = (
        f'for n in $(seq 1 400); do echo \\"line $n äöü\\" | tee -a {copy}; done; echo ready; '
        f"while [ ! -e {gate} ]; do echo tick | tee -a {copy}; sleep 0.05; done; "
        f'for n in $(seq 401 900); do echo \\"line $n\\" | tee -a {copy}; done'
    )
    define(workplace, f'      - id: work\n        steps: [{{run: "{script}"}}]\n')
    run = workplace.background("run", "shop/build", "--follow")
    run.wait_for_line("ready", is_whole=True)
    workplace.server.kill()
    gate.touch()
    eventually(lambda: "line 900\n" in copy.read_text(), what="the job, which goes on without a server")
    workplace.start_server()
    assert run.wait() == 0, run.output
    [job_id] = job_ids(workplace)
    log = workplace.ok("jobs", "logs", job_id, "--raw")
    printed = [line for line in log.splitlines() if re.fullmatch(r"line \d+( äöü)?|tick", line)]
    assert printed == copy.read_text().splitlines()
    followed = [line for line in run.output.splitlines() if re.fullmatch(r"line \d+( äöü)?|tick", line)]
    assert followed == printed


def test_a_hundred_executions_on_three_agents_run_once_each(workplace: Workplace) -> None:
    for agent_id in ("a", "b", "c"):
        workplace.start_agent(agent_id)
    marks = workplace.directory / "marks"
    # The first job of each agent waits for those of the others, so that none is left without one.
    script = f"echo {{{{name}}}} >> {marks}; until [ $(wc -l < {marks}) -ge 3 ]; do sleep 0.05; done"
    rows = ", ".join(f'{{name: "n{n}"}}' for n in range(100))
    make_repository(
        workplace.directory / "repository",
        {
            "cictl.yaml": HEAD + f"  - id: many\n    jobs:\n      - id: mark\n"
            f"        matrix: {{include: [{rows}]}}\n        steps: [{{run: '{script}'}}]\n"
        },
    )
    workplace.ok("projects", "import", str(workplace.directory / "repository"))
    done = workplace.cictl("run", "shop/many", "--wait")
    assert done.returncode == 0, done.stderr
    assert sorted(marks.read_text().split()) == sorted(f"n{n}" for n in range(100))
    jobs = json.loads(workplace.ok("jobs", "list", "-o", "json"))["job_executions"]
    assert {job["leased_by_agent_id"] for job in jobs} == {"a", "b", "c"}


def test_interrupting_a_followed_run_leaves_the_job_alone(workplace: Workplace) -> None:
    workplace.start_agent()
    gate = workplace.directory / "gate"
    define(
        workplace,
        f"      - id: work\n        steps: [{{run: 'echo begun; while [ ! -e {gate} ]; do sleep 0.05; done'}}]\n",
    )
    run = workplace.background("run", "shop/build", "--follow")
    run.wait_for_line("begun", is_whole=True)
    run.interrupt()
    assert run.wait() == 130
    assert "cictl jobs" in run.output
    gate.touch()
    [job_id] = job_ids(workplace)
    assert workplace.cictl("jobs", "watch", job_id).returncode == 0


def test_an_agent_that_is_stopped_reports_and_leaves_nothing(workplace: Workplace) -> None:
    agent = workplace.start_agent()
    pids = workplace.directory / "pids"
    define(workplace, f"      - id: work\n        steps: [{{run: 'sleep 600 & echo $! > {pids}; echo begun; wait'}}]\n")
    workplace.ok("run", "shop/build")
    [job_id] = job_ids(workplace)
    workplace.wait_for_log(job_id, "begun")
    os.kill(agent.process.pid, 15)
    assert agent.wait() == 0
    assert not alive(pids)
    assert workplace.cictl("jobs", "watch", job_id).returncode == 3
