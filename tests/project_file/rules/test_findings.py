"""How broken rules are told; the rules themselves are in the files beside it."""

from collections.abc import Callable

import pytest

from cictl import project_file

Wrap = Callable[[str, str], str]
FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

P = "pipelines[0]"
J = "pipelines[0].jobs[0]"


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
