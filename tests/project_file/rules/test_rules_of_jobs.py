"""Rules of jobs: message, path, line and column. § marks where the finding must point."""

import pytest

from tests.project_file.rules.conftest import FindBroken
from tests.project_file.rules.parts import J, P

STEPS = "steps: [{run: x}]"


def runs_on(body: str) -> str:
    return f"- id: j\n  runs_on: {body}\n  {STEPS}"


def tools(body: str, constraint: str = "'*'") -> str:
    return f"- id: j\n  requires: {{tools: {{{body}: {constraint}}}}}\n  {STEPS}"


NAMES = "; it may have letters, digits and ._+-, up to 64"


JOB_RULES = [
    pytest.param("job", f"- §{STEPS}", [f"{J}.id is required"], id="18-id-missing"),
    pytest.param(
        "job",
        f"- id: j\n  {STEPS}\n- id: §j\n  {STEPS}",
        [f'{P}.jobs[1].id duplicate "j"'],
        id="18-id-repeated",
    ),
    pytest.param(
        "job",
        f"- id: §'j '\n  {STEPS}",
        [f"{J}.id must not have outer blanks, commas or control characters"],
        id="W2-job-outer-blank",
    ),
    pytest.param(
        "job", f"- id: j\n  priority: §101\n  {STEPS}", [f"{J}.priority must be -100 to 100"], id="19-priority"
    ),
    pytest.param(
        "job",
        f"- id: j\n  concurrency: {{group: g, limit: §0}}\n  {STEPS}",
        [f"{J}.concurrency.limit must be >= 1"],
        id="19-group-limit",
    ),
    pytest.param(
        "job",
        f"- id: j\n  concurrency: {{group: g, on_new: §cancel}}\n  {STEPS}",
        [f"{J}.concurrency.on_new must be one of queue,replace_waiting,cancel_running"],
        id="19-group-on-new",
    ),
    pytest.param(
        "job",
        f"- id: j\n  concurrency: {{group: §'{{{{needs.a.outputs.x}}}}'}}\n  {STEPS}",
        [f'{J}.concurrency.group uses "needs.a.outputs.x", which is not known when the run starts'],
        id="19-group-of-output",
    ),
    pytest.param(
        "job",
        f"- id: j\n  concurrency: {{group: §'{{{{ secret.a }}}}'}}\n  {STEPS}",
        [f'{J}.concurrency.group uses secret "a", but secrets are resolved only in step env'],
        id="19-group-of-secret",
    ),
    pytest.param(
        "job",
        f"- id: j\n  locks: [port, §' ', §' port']\n  {STEPS}",
        [f"{J}.locks[1] must not be empty", f'{J}.locks[2] duplicate "port"'],
        id="19-locks",
    ),
    pytest.param(
        "job",
        f"- id: j\n  locks: §{[f'lock-{number}' for number in range(21)]}\n  {STEPS}",
        [f"{J}.locks has 21 items; at most 20 are allowed"],
        id="19-many-locks",
    ),
    pytest.param(
        "job",
        f"- id: j\n  retry: {{limit: §11, on: [signal]}}\n  {STEPS}",
        [f"{J}.retry.limit must be 1 to 10"],
        id="19-retry-limit",
    ),
    pytest.param(
        "job",
        f"- id: j\n  retry: §{{limit: 1}}\n  {STEPS}",
        [f"{J}.retry.on must name what to retry after: agent_lost, timed_out, signal or exit: N"],
        id="19-retry-of-nothing",
    ),
    pytest.param(
        "job",
        f"- id: j\n  retry: {{on: [§always]}}\n  {STEPS}",
        [f"{J}.retry.on[0] must be one of agent_lost,timed_out,signal, or exit: N"],
        id="19-retry-cause",
    ),
    pytest.param(
        "job",
        f"- id: j\n  retry: {{on: [exit: §0]}}\n  {STEPS}",
        [f"{J}.retry.on[0].exit must be 1 to 255"],
        id="19-retry-exit",
    ),
    pytest.param(
        "job",
        f"- id: j\n  approval: {{roles: §[]}}\n  {STEPS}",
        [f"{J}.approval.roles must name who may approve: viewer, operator, admin"],
        id="19-approval-of-nobody",
    ),
    pytest.param(
        "job",
        f"- id: j\n  approval: {{roles: [operator, §agent]}}\n  {STEPS}",
        [f"{J}.approval.roles[1] must be one of viewer, operator, admin"],
        id="19-approval-role",
    ),
    pytest.param(
        "job",
        f"- id: j\n  approval: {{roles: [admin, §admin]}}\n  {STEPS}",
        [f'{J}.approval.roles[1] duplicate "admin"'],
        id="19-approval-role-twice",
    ),
    pytest.param(
        "job",
        f"- id: j\n  approval: {{timeout_seconds: §0}}\n  {STEPS}",
        [f"{J}.approval.timeout_seconds must be 1 to 31622400"],
        id="19-approval-time",
    ),
    pytest.param(
        "job", f"- id: j\n  timeout_seconds: §-1\n  {STEPS}", [f"{J}.timeout_seconds must be >= 0"], id="19-timeout"
    ),
    pytest.param(
        "job", runs_on("{executor: §docker}"), [f'{J}.runs_on.executor must be "script"'], id="20-executor-unknown"
    ),
    pytest.param(
        "job",
        runs_on("{executor: script, shell: §zsh}"),
        [f"{J}.runs_on.shell must be one of posix,bash,cmd,powershell"],
        id="21-shell-unknown",
    ),
    pytest.param(
        "job",
        runs_on("§{executor: Script}"),
        [f"{J}.runs_on.shell is required when runs_on.executor=script"],
        id="22-no-shell",
    ),
    pytest.param(
        "job",
        runs_on("§{shell: posix}"),
        [f'{J}.runs_on.executor must be "script" when runs_on.shell is set'],
        id="23-shell-without-executor",
    ),
    pytest.param(
        "job", runs_on("{os: §''}"), [f"{J}.runs_on.os must have a value without outer blanks"], id="placement-empty"
    ),
    pytest.param(
        "job", runs_on("{§OS: linux}"), [f'{J}.runs_on.OS is unknown; did you mean "os"?'], id="placement-case"
    ),
    pytest.param(
        "job",
        runs_on("{§gpu: }"),
        [f"{J}.runs_on.gpu can't be met: label gpu has no value"],
        id="label-without-value",
    ),
    pytest.param(
        "job",
        runs_on("{§'gpu ': a100}"),
        [
            f'{J}.runs_on["gpu "] can\'t be met: the key {"gpu "!r} may have letters, digits and ._/- between letters or digits'
        ],
        id="label-with-blank",
    ),
    pytest.param(
        "job",
        runs_on("{§requires.tool.go: '*'}"),
        [f'{J}.runs_on["requires.tool.go"] is no capability; name tools in requires.tools'],
        id="requirement-in-runs_on",
    ),
    pytest.param("job", "- §id: j", [f"{J}.steps must contain at least one step"], id="24-no-steps"),
    pytest.param("job", tools("§''"), [f"{J}.requires.tools contains empty tool name"], id="25-tool-empty"),
    pytest.param(
        "job",
        tools("§' '"),
        [f"{J}.requires.tools contains empty tool name", f'{J}.requires.tools[" "] invalid tool name'],
        id="25-tool-blanks-get-both",
    ),
    pytest.param(
        "job", tools("§--version"), [f'{J}.requires.tools["--version"] invalid tool name{NAMES}'], id="tool-option"
    ),
    pytest.param(
        "job",
        tools("go", "§'>=3,<2'"),
        [f'{J}.requires.tools.go ">=3,<2" can\'t be met: no version can satisfy all of its parts'],
        id="tool-range-empty",
    ),
    pytest.param("job", tools("§a b"), [f'{J}.requires.tools["a b"] invalid tool name{NAMES}'], id="25-tool-invalid"),
    pytest.param(
        "job",
        f"- id: j\n  runs_on: {{container_image: i}}\n  requires: {{container: {{tools: {{§a b: '*'}}}}}}\n  {STEPS}",
        [f'{J}.requires.container.tools["a b"] invalid tool name{NAMES}'],
        id="25-container-tool-invalid",
    ),
    pytest.param(
        "job",
        f"- §id: j\n  requires: {{container: {{tools: {{cmake: '*'}}}}}}\n  {STEPS}",
        [f"{J}.runs_on.container_image is required when requires.container.tools is set"],
        id="26-container-tools-without-image",
    ),
    pytest.param(
        "job",
        runs_on("§{container_devices: /dev/kvm, container_groups: kvm}"),
        [
            f"{J}.runs_on.container_image is required when runs_on.container_devices is set",
            f"{J}.runs_on.container_image is required when runs_on.container_groups is set",
        ],
        id="27-devices-without-image",
    ),
    pytest.param(
        "job",
        f"- id: j\n  caches: [§{{env: E}}, {{id: §' ', env: E}}, {{id: a, env: E}}, {{id: §' a ', env: §''}}]\n  {STEPS}",
        [
            f"{J}.caches[0].id is required",
            f"{J}.caches[1].id is required",
            f'{J}.caches[3].id duplicate "a"',
            f"{J}.caches[3].env is required",
        ],
        id="28-caches",
    ),
    pytest.param(
        "job",
        f"§- id: j\n  needs: [§'', §j, §x, k, §' k ']\n  {STEPS}\n- id: k\n  {STEPS}",
        [
            f"{J}.needs[0] must not be empty",
            f"{J}.needs[1] must not reference itself",
            f'{J}.needs[2] references unknown job "x"',
            f'{J}.needs[4] duplicate "k"',
            f"{P}.jobs contains cyclic needs graph",
        ],
        id="36-37-needs-and-self-need",
    ),
    pytest.param(
        "job",
        f"§- id: a\n  needs: [b]\n  {STEPS}\n- id: b\n  needs: [a]\n  {STEPS}",
        [f"{P}.jobs contains cyclic needs graph"],
        id="37-cycle",
    ),
]


@pytest.mark.weakness("V8", "W2", "W3", "W5")
@pytest.mark.parametrize(("level", "body", "messages"), JOB_RULES)
def test_a_broken_rule_is_reported_where_it_is_broken(
    level: str, body: str, messages: list[str], find_broken: FindBroken
) -> None:
    found, places, marks = find_broken(level, body)
    assert found == messages
    assert places == marks
