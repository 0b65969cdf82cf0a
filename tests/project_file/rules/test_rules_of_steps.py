"""Rules of steps: message, path, line and column. § marks where the finding must point."""

import pytest

from tests.project_file.rules.conftest import FindBroken
from tests.project_file.rules.parts import S

TOKEN = "auto_bump: patch\n    auto_bump_vcs_token: "
SECRET = "{name: n, path: p, key: k}"

T = f"{S}.test"


def with_test(body: str) -> str:
    return f"- test: {{command: c, report: r, {body}}}"


STEP_RULES = [
    pytest.param("step", "- §skip_dry_run: true", [f"{S} must set exactly one of run or test"], id="29-neither"),
    pytest.param(
        "step",
        "- §run: x\n  test: {command: c, report: r}",
        [f"{S} must set exactly one of run or test"],
        id="29-both",
    ),
    pytest.param("step", "- test: §{report: r}", [f"{T}.command is required"], id="30-command"),
    pytest.param(
        "step",
        with_test("format: §tap"),
        [f'{T}.format unsupported "tap"; write one of go-test-json, junit-xml, junit'],
        id="30-format",
    ),
    pytest.param("step", "- test: {command: c, report: §' '}", [f"{T}.report is required"], id="30-report"),
    *(
        pytest.param(
            "step",
            f"- test: {{command: c, report: §{path}}}",
            [f"{T}.report must be a relative in-repo path"],
            id=f"30-report-{name}",
        )
        for name, path in [
            ("absolute", "/r"),
            ("backslash", r"\r"),
            ("parent", "../r"),
            ("inside", "a/../r"),
            ("windows", r"a..\r"),
        ]
    ),
    pytest.param(
        "step",
        with_test("coverage_report: §/c"),
        [f"{T}.coverage_report must be a relative in-repo path"],
        id="31-coverage-report-unsafe",
    ),
    pytest.param(
        "step",
        with_test("coverage_format: §x, coverage_report: c"),
        [f'{T}.coverage_format unsupported "x"; write one of go-coverprofile, lcov, cobertura, jacoco'],
        id="31-coverage-format",
    ),
    pytest.param(
        "step",
        "- test: §{command: c, report: r, coverage_format: lcov}",
        [f"{T}.coverage_report is required when coverage_format is set"],
        id="31-coverage-report-missing",
    ),
    pytest.param("step", "- run: x\n  env: {§' ': v}", [f"{S}.env key must not be empty"], id="32-env-key"),
    pytest.param("step", "- run: x\n  vault: §{}", [f"{S}.vault.connection is required"], id="33-connection"),
    *(
        pytest.param(
            "step",
            f"- run: x\n  vault: {{connection: c, secrets: [§{secret}]}}",
            [f"{S}.vault.secrets[0] requires name, path and key"],
            id=f"34-without-{name}",
        )
        for name, secret in [
            ("name", "{path: p, key: k}"),
            ("path", "{name: n, key: k}"),
            ("key", "{name: n, path: p, key: ' '}"),
        ]
    ),
    pytest.param(
        "step",
        f"- run: x\n  vault: {{connection: c, secrets: [{SECRET}, {{name: §' n', path: p, key: k}}]}}",
        [f'{S}.vault.secrets[1] duplicate name " n"'],
        id="35-secret-repeated-as-written",
    ),
    pytest.param(
        "step",
        "- run: x\n  vault: {connection: c, secrets: [{name: n, path: p, key: k, kv_version: §3}]}",
        [f"{S}.vault.secrets[0].kv_version must be 1 or 2"],
        id="V9-kv-version",
    ),
    pytest.param(
        "step",
        "- run: x\n  env: {A: §'{{ secret.n.m }}', B: '{{secrets.n}}'}",
        [f"{S}.env.A has a malformed secret placeholder; write {{{{ secret.NAME }}}}"],
        id="malformed-placeholder",
    ),
    pytest.param(
        "step",
        "- run: §'echo {{secret.n}} {{ secret.n }}'",
        [f'{S}.run uses secret "n", but secrets are resolved only in step env'],
        id="W5-secret-in-run",
    ),
    pytest.param(
        "step",
        "- test: {command: §'c {{ secret.n }}', report: r}",
        [f'{T}.command uses secret "n", but secrets are resolved only in step env'],
        id="W5-secret-in-test",
    ),
    pytest.param(
        "step",
        f"- run: x\n  env: {{A: §'{{{{ secret.z }}}}'}}\n  vault: {{connection: c, secrets: [{SECRET}]}}",
        [f'{S}.env.A references secret "z" which is not declared in vault.secrets'],
        id="W5-env-undeclared",
    ),
]


@pytest.mark.weakness("V8", "W2", "W3", "W5")
@pytest.mark.parametrize(("level", "body", "messages"), STEP_RULES)
def test_a_broken_rule_is_reported_where_it_is_broken(
    level: str, body: str, messages: list[str], find_broken: FindBroken
) -> None:
    found, places, marks = find_broken(level, body)
    assert found == messages
    assert places == marks
