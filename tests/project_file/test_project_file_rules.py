"""Every rule beyond the shape: message, path, line and column. § marks where the finding must point."""

from collections.abc import Callable

import pytest

from cictl import project_file

Wrap = Callable[[str, str], str]
FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

P = "pipelines[0]"
J = "pipelines[0].jobs[0]"
S = "pipelines[0].jobs[0].steps[0]"
C = "pipeline_chains[0]"
HEAD = "version: 1\nproject: {name: orchard}\n"
GOOD = "jobs: [{id: j, steps: [{run: x}]}]"
SOURCE = "vcs_source: {repo: r}"
BAD_NAME = "project.name must be printable and have at most 200 bytes"
TWO = f"pipelines: [{{id: a, {GOOD}}}, {{id: b, {GOOD}}}]\n"

FILE_RULES = [
    pytest.param(
        "file",
        f"version: §2\nproject: {{name: o}}\n{TWO}",
        ["unsupported config version 2"],
        id="1-version-other",
    ),
    pytest.param("file", f"§project: {{name: o}}\n{TWO}", ["unsupported config version 0"], id="1-version-missing"),
    pytest.param(
        "file", f"version: 1\nproject: {{name: §' '}}\n{TWO}", ["project.name is required"], id="2-name-blank"
    ),
    pytest.param("file", f"§version: 1\n{TWO}", ["project.name is required"], id="2-project-missing"),
    pytest.param("file", f"version: 1\nproject: {{name: §{'x' * 201}}}\n{TWO}", [BAD_NAME], id="2-name-long"),
    pytest.param("file", f'version: 1\nproject: {{name: §"a\\eb"}}\n{TWO}', [BAD_NAME], id="2-name-control"),
    pytest.param("file", f'version: 1\nproject: {{name: §"a\\u202eb"}}\n{TWO}', [BAD_NAME], id="2-name-bidi"),
    pytest.param(
        "file",
        f"{HEAD}pipelines: §[]\npipeline_chains: [{{id: ''}}]",
        ["pipelines must contain at least one pipeline"],
        id="3-no-pipelines-stops",
    ),
    pytest.param(
        "file",
        "§~",
        [
            "unsupported config version 0",
            "project.name is required",
            "pipelines must contain at least one pipeline",
        ],
        id="1-2-3-null-root",
    ),
    pytest.param("pipeline", f"- §{GOOD}", [f"{P}.id is required"], id="4-id-missing"),
    pytest.param(
        "pipeline", f"- id: a\n  priority: §-101\n  {GOOD}", [f"{P}.priority must be -100 to 100"], id="4-priority"
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  concurrency: §{{limit: 2}}\n  {GOOD}",
        [f"{P}.concurrency.group is required"],
        id="4-group-without-name",
    ),
    pytest.param("pipeline", f"- id: §'  '\n  {GOOD}", [f"{P}.id is required"], id="4-id-blank"),
    pytest.param(
        "pipeline",
        f"- id: a\n  {GOOD}\n- id: §a\n  {GOOD}",
        ['pipelines[1].id duplicate "a"'],
        id="4-id-repeated",
    ),
    pytest.param(
        "pipeline",
        f"- id: §' a'\n  {GOOD}",
        [f"{P}.id must not have outer blanks, commas or control characters"],
        id="W2-pipeline-outer-blank",
    ),
    pytest.param(
        "pipeline",
        f"- id: §a,b\n  {GOOD}",
        [f"{P}.id must not have outer blanks, commas or control characters"],
        id="W2-pipeline-comma",
    ),
    pytest.param(
        "pipeline", f"- id: a\n  trigger: §Manual\n  {GOOD}", [f"{P}.trigger must be one of manual,vcs"], id="5-trigger"
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  depends_on: [§' ']\n  {GOOD}",
        [f"{P}.depends_on[0] must not be empty"],
        id="6-depends-on-blank",
    ),
    pytest.param("pipeline", "- §id: a", [f"{P}.jobs must contain at least one job"], id="7-no-jobs"),
    pytest.param(
        "pipeline",
        f"- id: a\n  vcs_source: §{{ref: main}}\n  {GOOD}",
        [f"{P}.vcs_source.repo is required when vcs_source is set"],
        id="8-no-repo",
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  vcs_source: {{repo: §--upload-pack=x, ref: §-b}}\n  {GOOD}",
        [f'{P}.vcs_source.repo must not begin with "-"', f'{P}.vcs_source.ref must not begin with "-"'],
        id="W8-git-options",
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  vcs_source: {{repo: §ext::x, ref: §a:b, depth: §-1, submodules: §all}}\n  {GOOD}",
        [
            f'{P}.vcs_source.repo has the protocol "ext"; allowed are file, git, http, https, ssh, the short form of ssh, and paths',
            f'{P}.vcs_source.ref "a:b" is no name that a branch, tag or commit can have',
            f"{P}.vcs_source.depth must be >= 0; 0 is the whole history",
            f"{P}.vcs_source.submodules must be one of false,true,recursive",
        ],
        id="vcs_source",
    ),
    *(
        pytest.param(
            "pipeline",
            f"- id: a\n  vcs_source: {{repo: r, path: §{path}}}\n  {GOOD}",
            [f"{P}.vcs_source.path must be a relative path below the directory of the job, such as src/app"],
            id=f"vcs_source-path-{path}",
        )
        for path in ("/abs", "..", "a/../b", "a//b", "a/", "./a", r"a\b", '"C:x"', r'"a\x01"')
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  vcs_source: {{repo: r, path: §p}}\n  versioning: {{auto_bump: patch, auto_bump_vcs_token: t}}\n  {GOOD}",
        [f"{P}.vcs_source.path must be left out when versioning.auto_bump is set"],
        id="vcs_source-path-auto-bump",
    ),
    pytest.param(
        "pipeline",
        f"- §id: a\n  versioning: {{}}\n  {GOOD}",
        [f"{P}.vcs_source.repo is required when versioning is set"],
        id="9-versioning-without-source",
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  depends_on: [§b]\n  {GOOD}",
        [f'{P}.depends_on[0] references unknown pipeline "b"'],
        id="38-depends-on-unknown",
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  depends_on: [§' a ']\n  {GOOD}",
        [f"{P}.depends_on[0] must not reference itself"],
        id="W3-depends-on-self",
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  {GOOD}\n- id: b\n  depends_on: [a, §a]\n  {GOOD}",
        ['pipelines[1].depends_on[1] duplicate "a"'],
        id="W3-depends-on-repeated",
    ),
    pytest.param(
        "file",
        f"{HEAD}pipelines: §[{{id: a, depends_on: [b], {GOOD}}}, {{id: b, depends_on: [a], {GOOD}}}]",
        ['pipelines contain cyclic depends_on graph: "a -> b -> a"'],
        id="W3-depends-on-cycle",
    ),
    pytest.param(
        "file", f"{HEAD}{TWO}pipeline_chains: [§{{pipelines: [a]}}]", [f"{C}.id is required"], id="39-id-missing"
    ),
    pytest.param(
        "file",
        f"{HEAD}{TWO}pipeline_chains: [{{id: c, pipelines: [a]}}, {{id: §' c ', pipelines: [a]}}]",
        ['pipeline_chains[1].id duplicate "c"'],
        id="39-id-repeated-trimmed",
    ),
    pytest.param(
        "file",
        f"{HEAD}{TWO}pipeline_chains: [{{id: c, pipelines: §[]}}]",
        [f"{C}.pipelines must contain at least one pipeline id"],
        id="40-empty-chain",
    ),
    pytest.param(
        "file",
        f"{HEAD}{TWO}pipeline_chains: [{{id: c, pipelines: [a, §'', §z, §' a ']}}]",
        [
            f"{C}.pipelines[1] must not be empty",
            f'{C}.pipelines[2] references unknown pipeline "z"',
            f'{C}.pipelines[3] duplicate pipeline "a"',
        ],
        id="41-chain-items",
    ),
]

V = f"{P}.versioning"


def versioning(body: str) -> str:
    return f"- id: a\n  {SOURCE}\n  versioning:\n    {body}\n  {GOOD}"


TOKEN = "auto_bump: patch\n    auto_bump_vcs_token: "
SECRET = "{name: n, path: p, key: k}"

VERSIONING_RULES = [
    *(
        pytest.param(
            "pipeline",
            versioning(f"file: §{path}"),
            [f"{V}.file must be a relative in-repo path"],
            id=f"10-file-{name}",
        )
        for name, path in [("absolute", "/V"), ("parent", "../V"), ("inside", "a/../V"), ("dots", "..V")]
    ),
    pytest.param(
        "pipeline",
        versioning("auto_bump: §huge\n    auto_bump_vcs_token: t"),
        [f"{V}.auto_bump must be one of patch,minor,major"],
        id="11-bump-unknown",
    ),
    pytest.param(
        "pipeline",
        versioning("§auto_bump: patch"),
        [f"{V}.auto_bump_vcs_token is required when auto_bump is set"],
        id="12-no-token",
    ),
    pytest.param(
        "pipeline",
        versioning("auto_bump_vcs_token: §t"),
        [f"{V}.auto_bump_vcs_token requires auto_bump to be set"],
        id="13-token-alone",
    ),
    pytest.param(
        "pipeline",
        versioning(f"{TOKEN}t\n    auto_bump_vault: §{{secrets: [§{{name: n}}]}}"),
        [
            f"{V}.auto_bump_vault.connection is required",
            f"{V}.auto_bump_vault.secrets[0] requires name, path and key",
        ],
        id="14-vault-block",
    ),
    pytest.param(
        "pipeline",
        versioning("auto_bump_vault: §{connection: c}"),
        [f"{V}.auto_bump_vault requires auto_bump_vcs_token to be set"],
        id="15-vault-without-token",
    ),
    pytest.param(
        "pipeline",
        versioning(
            f"{TOKEN}§'{{{{secret.a}}}}{{{{ secret.n }}}}{{{{secret.a}}}}'\n"
            f"    auto_bump_vault: {{connection: c, secrets: [{SECRET}]}}"
        ),
        [f'{V}.auto_bump_vcs_token references secret "a" which is not declared in versioning.auto_bump_vault.secrets'],
        id="17-undeclared-once",
    ),
    pytest.param(
        "pipeline",
        f"- id: a\n  {SOURCE}\n  versioning: {{auto_bump: patch, auto_bump_vcs_token: t}}\n"
        "  jobs: [{id: j, runs_on: {executor: script, shell: §PowerShell}, steps: [{run: x}]}]",
        [f"{J}.runs_on.shell must be posix when versioning.auto_bump is set"],
        id="W34-bump-needs-posix",
    ),
]

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
@pytest.mark.parametrize(("level", "body", "messages"), [*FILE_RULES, *VERSIONING_RULES, *JOB_RULES, *STEP_RULES])
def test_a_broken_rule_is_reported_where_it_is_broken(
    level: str, body: str, messages: list[str], wrap: Wrap, find_marks: FindMarks
) -> None:
    text, marks = find_marks(wrap(level, body))
    findings = project_file.lint(text, config_file="f.yaml")
    assert [finding.message for finding in findings] == messages
    assert sorted({(finding.line, finding.column) for finding in findings}) == marks


def test_the_path_names_the_field_even_when_it_is_missing(wrap: Wrap) -> None:
    (finding,) = project_file.lint(wrap("step", "- test: {report: r}"), config_file="f.yaml")
    assert finding.path == "pipelines[0].jobs[0].steps[0].test.command"


def test_null_items_do_not_count_in_paths(wrap: Wrap) -> None:
    (finding,) = project_file.lint(wrap("step", "- ~\n- run: x\n- {}"), config_file="f.yaml")
    assert finding.path == "pipelines[0].jobs[0].steps[1]"


def test_broken_rules_read_as_one_line_in_order(wrap: Wrap) -> None:
    text = wrap("job", "- id: j\n  timeout_seconds: -1")
    with pytest.raises(project_file.InvalidConfigError) as caught:
        project_file.parse(text, config_file="f.yaml")
    assert str(caught.value) == (
        f'invalid config in "f.yaml": {J}.timeout_seconds must be >= 0 (line 7, column 26); '
        f"{J}.steps must contain at least one step (line 6, column 9)"
    )


def test_a_very_long_list_of_findings_is_cut_in_the_text_only(wrap: Wrap) -> None:
    text = wrap("step", "\n".join(["- {}"] * 1000))
    with pytest.raises(project_file.InvalidConfigError) as caught:
        project_file.parse(text, config_file="f.yaml")
    assert len(caught.value.findings) == 1000
    assert str(caught.value).endswith("; and 800 more")


def test_a_long_chain_of_needs_is_followed_without_recursion(wrap: Wrap) -> None:
    jobs = [f"- {{id: j{n}, needs: [j{n + 1}], steps: [{{run: x}}]}}" for n in range(3000)]
    body = "\n".join([*jobs, "- {id: j3000, needs: [j0], steps: [{run: x}]}"])
    (finding,) = project_file.lint(wrap("job", body), config_file="f.yaml")
    assert finding.message == f"{P}.jobs contains cyclic needs graph"
