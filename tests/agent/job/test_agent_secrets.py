"""What of a job's secrets leaves the agent: nothing, however a step prints them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.servers.scripted_server import FEATURES, ScriptedServer, ServedJob

from cictl.wire.codec import encode
from cictl.wire.jobs import Step
from cictl_agent.system.interpreters import staged

SECRET = 'hunter22/"x"&é'
KEY = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA7bq\nZm9vYmFyYmF6cXV4\nab\n-----END KEY-----\n"


def run(server: ScriptedServer, **fields: Any) -> ServedJob:
    """Run a job that got the secrets S and K with its lease, and return it with all that was sent of it."""
    step = Step(index=1, name="work", env={"S": SECRET, "K": KEY}, **fields.pop("step"))
    secrets = {"sensitive_values": [SECRET, KEY], "metadata": {"has_secrets": "1"}}
    return server.finished(server.enqueue(**{**secrets, **fields}, step_plan=[step]))


def sent(job: ServedJob) -> str:
    """Return everything that the agent sent, as one text."""
    reports = [encode(report).decode() for report in job.reports]
    return "\n".join([job.text, *reports, encode(job.tests).decode(), *job.files])


def _remarks(job: ServedJob) -> set[str]:
    """Return the agent's own lines of the log."""
    return {
        line
        for report in job.reports
        for line in report.output_append.splitlines() + report.output.splitlines()
        if line[:1] == "["
    }


@pytest.mark.weakness("A12.5e")
@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    ("script", "shown"),
    [
        pytest.param('printf "<%s>" "$S"', "<***>", id="plain"),
        pytest.param('printf "<%s>" "$S" >&2', "<***>", id="stderr"),
        pytest.param(
            'printf "<"; printf %s "$S" | od -An -v -to1 | tr -s " " "\\n" | while read o; do'
            ' [ -z "$o" ] || printf "\\\\$o"; done; printf ">"',
            "<***>",
            id="byte-by-byte",
        ),
        pytest.param('printf "<hunter22"; printf \'/"x"&é>\'', "<***>", id="in-two-pieces"),
        pytest.param('printf "<"; printf %s "$S" | base64; printf ">"', "<***\n>", id="base64"),
        pytest.param('printf "%s" "$K" | base64', "***", id="base64-of-a-key"),
        pytest.param('printf "%s" "$K"', "***", id="key"),
        pytest.param('printf "%s" "$K" | sed "s/$/\\r/"', "***", id="key-with-crlf"),
        pytest.param('script -qec \'printf "%s" "$K"\' /dev/null', "***", id="key-on-a-terminal"),
        pytest.param('set -x; true "$S"', "***", id="traced"),
        pytest.param("export -p | grep ' S='", "S='***'", id="exported"),
    ],
)
def test_a_secret_is_masked_however_it_is_printed(server: ScriptedServer, script: str, shown: str) -> None:
    job = run(server, step={"script": script})
    assert job.last.error == ""
    assert shown in job.text
    texts = sent(job)
    parts = ["hunter22", 'x"&', "MIIEowIB", "Zm9vYmFy", "BEGIN KEY"]
    encoded = [base64.b64encode(SECRET.encode()).decode()[:12], base64.b64encode(KEY.encode()).decode()[:12]]
    assert [part for part in [*parts, *encoded] if part in texts] == []


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps({"token": SECRET}), id="json"),
        pytest.param(json.dumps({"token": SECRET}, ensure_ascii=False), id="json-utf8"),
        pytest.param("https://h/?t=hunter22%2F%22x%22%26%C3%A9", id="url"),
        pytest.param("GET /?t=hunter22%2f%22x%22%26%c3%a9", id="url-in-lower-case"),
    ],
)
def test_an_encoded_secret_is_masked(server: ScriptedServer, text: str) -> None:
    job = run(server, step={"script": f"cat <<'END'\n{text}\nEND"})
    assert "***" in job.text
    assert "hunter22" not in sent(job)


@pytest.mark.weakness("A12.5e")
@pytest.mark.parametrize("features", [FEATURES, ()], ids=["pieces", "snapshots"])
def test_a_secret_in_a_long_log_is_masked_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, features: tuple[str, ...]
) -> None:
    server = ScriptedServer(features)
    agent = AgentThread(server, tmp_path_factory.mktemp("work"))
    try:
        job = run(server, step={"script": 'yes "$S" | head -n 150000'})
    finally:
        agent.stop()
        server.close()
    outputs = [report.output or report.output_append for report in job.reports]
    assert sum(map(len, outputs)) >= 600_000 if features else len(job.last.output) == 524_288
    assert not {line for output in outputs for line in output.splitlines()} - {"***", "**", "*", ""} - _remarks(job)


@pytest.mark.weakness("V12")
@pytest.mark.usefixtures("agent")
def test_everything_else_that_is_sent_is_masked(server: ScriptedServer) -> None:
    junit = (
        '<testsuite><testcase name="hunter22" classname="p.hunter22" file="hunter22.py">'
        "<failure>hunter22</failure></testcase></testsuite>"
    )
    step: dict[str, Any] = {
        "name": "say hunter22",
        "kind": "test",
        "test_name": "suite hunter22",
        "test_report": "r.xml",
        "test_format": "junit",
        "coverage_report": "hunter22.info",
        "script": (
            f"echo '{junit}' > r.xml; echo 'SF:src/hunter22.c\nDA:1,1\nend_of_record' > hunter22.info;"
            " mkdir out; echo hunter22 > out/hunter22.txt; echo 1 > out/___.txt; exit 3"
        ),
    }
    job = server.finished(
        server.enqueue(
            step_plan=[Step(index=1, **step)],
            sensitive_values=["hunter22"],
            artifact_globs=["out/*", "*.info"],
        )
    )
    assert job.last.error == "Step 1: say ***: 1 of 1 test failed"
    steps = {report.current_step for report in job.reports if "say" in report.current_step}
    assert steps <= {"Step 1: say ***"}, "none is told of a step that is over before its turn comes"
    assert [event.step.name for report in job.reports for event in report.events if event.step] == ["say ***"]
    assert job.tests is not None
    assert job.tests.suites[0].name == "suite ***"
    assert job.tests.coverage is not None
    assert [file.path for file in job.tests.coverage.files] == ["src/***.c"]
    assert job.files == {"out/___.txt": b"1\n", "___.info": b"SF:src/hunter22.c\nDA:1,1\nend_of_record\n"}
    assert "that of another file: out/***.txt" in job.text
    assert "hunter22" not in sent(job).replace(str(job.files), "")


@pytest.mark.usefixtures("agent")
def test_a_variable_that_is_too_large_is_told_as_such(server: ScriptedServer) -> None:
    step = Step(index=1, name="big", env={"S": "x" * (4 << 20)}, script="echo started")
    job = server.finished(server.enqueue(step_plan=[step]))
    assert job.last.error.startswith("start shell: the step's variables are larger than this system takes")
    assert job.last.cause == "step_failed"
    assert "\nstarted" not in job.text


@pytest.mark.usefixtures("agent")
def test_a_broken_report_quotes_no_part_of_a_secret(server: ScriptedServer) -> None:
    script = f"echo '{'x' * 75}hunter22' > r.info"
    step: dict[str, Any] = {"kind": "test", "script": script, "coverage_report": "r.info"}
    job = server.finished(server.enqueue(step_plan=[Step(index=1, **step)], sensitive_values=["hunter22"]))
    assert f"'{'x' * 75}***'" in job.last.error
    assert "hunt" not in sent(job)


@pytest.mark.parametrize(
    ("fields", "is_traced"),
    [
        ({}, True),
        ({"metadata": {"has_secrets": "1"}}, False),
        ({"sensitive_values": ["hunter22"]}, False),
    ],
)
def test_a_job_with_secrets_is_not_traced(
    server: ScriptedServer, tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any], is_traced: bool
) -> None:
    agent = AgentThread(server, tmp_path_factory.mktemp("work"), trace_shell=True)
    try:
        job = server.finished(server.enqueue(script="echo said", **fields))
    finally:
        agent.stop()
    assert ("+ echo said" in job.text) is is_traced


def test_what_goes_into_a_container_is_on_no_disk(tmp_path: Path) -> None:
    """Its variables are a shell's input, which has no name; on Linux that is in memory."""
    with staged("export TOKEN=hunter22\n", tmp_path) as file:
        is_on_disk = os.fstat(file.fileno()).st_dev == tmp_path.stat().st_dev
        assert is_on_disk is not hasattr(os, "memfd_create")
        assert list(tmp_path.iterdir()) == []
        assert os.read(file.fileno(), 100) == b"export TOKEN=hunter22\n"


@pytest.mark.usefixtures("agent")
def test_no_step_sees_a_credential_of_the_agent(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    login = "https://robot:hunter22@packages.example.com/simple"
    for name in (
        "CICTL_TOKEN",
        "CICTL_UPDATE_INDEX_URL",
        "CIWI_UPDATE_FIND_LINKS",
        "CICTL_GITHUB_TOKEN",
        "CICTL_GITLAB_TOKEN",
        "CICTL_DEPLOY_PASSWORD",
        "CICTL_VAULT_MAIN",
        "CICTL_SERVER_URL",
        "CICTL_MIRROR",
        "PIP_INDEX_URL",
        "UV_INDEX",
    ):
        monkeypatch.setenv(name, login)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", f"{login} {login}")
    job = server.finished(server.enqueue(script="env"))
    seen = dict(line.partition("=")[::2] for line in job.text.splitlines())
    assert "hunter22" not in job.text
    assert seen["PIP_INDEX_URL"] == seen["CICTL_MIRROR"] == "https://packages.example.com/simple"
    assert seen["PIP_EXTRA_INDEX_URL"] == " ".join([seen["PIP_INDEX_URL"]] * 2)
    assert {name for name in seen if name.startswith(("CICTL_UPDATE", "CICTL_TOKEN", "CICTL_VAULT"))} == set()
