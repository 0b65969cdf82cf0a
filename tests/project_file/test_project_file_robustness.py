"""Whatever the file, there is a definition or there are findings with positions; never another exception."""

import random
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cictl import project_file
from cictl.project_file.reading import read
from cictl.project_file.source.yaml_tree import MAX_FILE_BYTES, MAX_NODES

BAD_VALUES = ["[", "*nowhere", "{a: b}", "[[x]]", "'", "!!binary =", "-1", "1.5", "&a *a", "\t", "|", "{{", "? [a]"]


def mutate(text: str, seed: int) -> str:
    """Damage one or two lines of a good file in one of the ways people do."""
    chance = random.Random(seed)
    lines = text.split("\n")
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(lines))
        kind = chance.randrange(6)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines[at] = " " * chance.randint(1, 3) + lines[at]
        elif kind == 2:
            lines.insert(at, lines[chance.randrange(len(lines))])
        elif kind == 3:
            lines[at] = lines[at].split(":")[0] + ": " + chance.choice(BAD_VALUES)
        elif kind == 4:
            cut = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:cut] + chance.choice("{}[]:#&*!|>'\"%@`,-é\t") + lines[at][cut:]
        else:
            lines[at] = lines[at].replace(":", "s:", 1)
    return "\n".join(lines)


def outcome(
    text: str, loader: type[Any] = yaml.CSafeLoader
) -> project_file.ProjectFile | project_file.ProjectFileError:
    try:
        return read(text, config_file="f.yaml", loader=loader)
    except project_file.ProjectFileError as error:
        return error


def check_findings(text: str) -> bool:
    """Check what is said about *text*, and tell whether anything is."""
    result = outcome(text)
    if isinstance(result, project_file.ProjectFile):
        return False
    lines = text.count("\n") + 2
    assert str(result)
    assert result.findings
    assert all(1 <= f.line <= lines and f.column >= 1 and f.message for f in result.findings)
    return True


def test_damaged_files_give_findings_and_no_other_exception(teapot: str) -> None:
    broken = sum(check_findings(mutate(teapot, seed)) for seed in range(400))
    assert broken >= 100


def test_both_parsers_give_the_same_findings(teapot: str) -> None:
    """They differ in a few points of syntax; where both read a file, they must agree on all of it."""
    compared = 0
    for seed in range(120):
        text = mutate(teapot, seed)
        results = [outcome(text, loader) for loader in (yaml.CSafeLoader, yaml.SafeLoader)]
        if not any(isinstance(result, project_file.UnreadableFileError) for result in results):
            found = [getattr(result, "findings", result) for result in results]
            assert found[0] == found[1], f"seed {seed}"
            compared += 1
    assert compared >= 40


KEYS = st.sampled_from(
    ["version", "project", "name", "pipelines", "jobs", "id", "steps", "run", "env", "vault", "secrets", "matrix", "<<"]
)
SCALARS = st.sampled_from(["1", "x", "~", "''", "-1", "*a", "&a b", "yes", "1.0"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(KEYS, inner, max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"
        ),
    ),
    max_leaves=25,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.one_of(VALUES, st.text(max_size=60)))
def test_any_text_is_read_or_refused(text: str) -> None:
    check_findings(text)


def test_deep_nesting_is_refused() -> None:
    for text in ("[" * 50_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000):
        (finding,) = project_file.lint(text, config_file="f.yaml")
        assert "nest" in finding.message


def test_more_levels_than_a_project_file_can_have_are_named() -> None:
    (finding,) = project_file.lint("[" * 65 + "]" * 65, config_file="f.yaml")
    assert (finding.message, finding.line, finding.column) == ("nested deeper than 64 levels", 1, 65)


def test_a_file_over_a_mebibyte_is_refused(teapot: str) -> None:
    padding = MAX_FILE_BYTES - len(teapot.encode())
    assert project_file.lint(teapot + "#" * padding, config_file="f.yaml") == ()
    (finding,) = project_file.lint(teapot + "#" * (padding + 1), config_file="f.yaml")
    assert finding.message == "file is larger than 1048576 bytes"


def test_too_many_values_are_refused() -> None:
    (finding,) = project_file.lint("[" + "a," * MAX_NODES + "]", config_file="f.yaml")
    assert finding.message == "more than 200000 values in one file"


HEAD = "version: 1\nproject: {name: o}\npipelines:\n"


def repeat(name: str, count: int) -> str:
    return ", ".join([f"*{name}"] * count)


BOMBS = {
    "lists-of-lists": (
        f"- {{id: a, jobs: &j [{{id: j, steps: &s [&t {{run: x}}, {repeat('t', 300)}]}}, "
        f"&b {{id: b, steps: *s}}, {repeat('b', 900)}]}}\n- {{id: b, jobs: *j}}\n"
    ),
    "long-text": (
        f"- {{id: a, jobs: [{{id: j, artifacts: [&t {'x' * 100_000}, {repeat('t', 5000)}], steps: [{{run: x}}]}}]}}\n"
    ),
    "merges-doubling": "- id: a\n  jobs:\n  - id: j\n    needs: []\n    runs_on: &m0 {a: b}\n"
    + "".join(f"  - runs_on: &m{n} {{<<: [{repeat(f'm{n - 1}', 9)}]}}\n" for n in range(1, 12)),
    "merges-in-line": "- id: a\n  jobs:\n  - runs_on: &m0 {a: b}\n"
    + "".join(f"  - runs_on: &m{n} {{<<: *m{n - 1}}}\n" for n in range(1, 3000)),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_small_file_cannot_expand_without_bound(bomb: str) -> None:
    (finding,) = project_file.lint(HEAD + bomb, config_file="f.yaml")
    assert finding.message.startswith(("aliases expand the file to more than", "merge keys lead through more than"))
    assert finding.line > 3


def test_moderate_use_of_aliases_is_no_bomb() -> None:
    jobs = "\n".join(f"    - {{id: j{n}, steps: *s}}" for n in range(500))
    text = f"{HEAD}  - id: a\n    jobs:\n    - {{id: j, steps: &s [{{run: x}}, {{run: y}}]}}\n{jobs}\n"
    assert len(project_file.parse(text, config_file="f.yaml").pipelines[0].jobs) == 501


def test_a_big_honest_file_is_read_whole() -> None:
    job = "      - {{id: j{}, runs_on: {{os: linux}}, steps: [{{run: make}}, {{run: make test, env: {{A: b}}}}]}}\n"
    text = HEAD + "  - id: p\n    jobs:\n" + "".join(job.format(n) for n in range(5000))
    assert len(project_file.parse(text, config_file="f.yaml").pipelines[0].jobs) == 5000


def test_importing_the_package_does_not_import_yaml() -> None:
    script = "import sys, cictl.project_file; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
