"""Rules of the file, pipelines, chains and versioning: message, path, line and column. § marks where the finding must point."""

import pytest

from tests.project_file.rules.conftest import FindBroken
from tests.project_file.rules.parts import BAD_NAME, GOOD, HEAD, SOURCE, TWO, C, J, P

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


@pytest.mark.weakness("V8", "W2", "W3", "W5")
@pytest.mark.parametrize(("level", "body", "messages"), [*FILE_RULES, *VERSIONING_RULES])
def test_a_broken_rule_is_reported_where_it_is_broken(
    level: str, body: str, messages: list[str], find_broken: FindBroken
) -> None:
    found, places, marks = find_broken(level, body)
    assert found == messages
    assert places == marks
