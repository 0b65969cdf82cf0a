"""Templates and placeholders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cictl.project_file import render, secret_names

VALUES = {"name": "blue", "size": "1.10", "ciwi.version": "v1.2.3", "loop": "{{name}}", "x y": "blank inside"}


@pytest.mark.weakness("W22")
@pytest.mark.parametrize(
    ("template", "text"),
    [
        pytest.param("{{name}}-{{size}}", "blue-1.10", id="several"),
        pytest.param("{{ name }}", "{{ name }}", id="blanks-at-the-braces"),
        pytest.param("{{x y}}", "blank inside", id="blank-inside-the-key"),
        pytest.param("{{unknown}} {{name}}", "{{unknown}} blue", id="unknown-stays"),
        pytest.param("{{loop}}", "{{name}}", id="one-pass"),
        pytest.param("{{{name}}}", "{blue}", id="three-braces"),
        pytest.param("{{ secret.name }} {{secret.name}}", "{{ secret.name }} {{secret.name}}", id="secrets-stay"),
        pytest.param("{{cictl.version}}", "v1.2.3", id="alias"),
        pytest.param("{{ciwi.version_raw}}", "{{ciwi.version_raw}}", id="alias-without-value-stays"),
        pytest.param("{{}} { {name} } {{na{{name}}", "{{}} { {name} } {{nablue", id="odd-braces"),
        pytest.param("", "", id="empty"),
    ],
)
def test_templates_render(template: str, text: str) -> None:
    assert render(template, VALUES) == text


@pytest.mark.parametrize("key", ["version", "version_raw", "tag_prefix"])
def test_both_spellings_name_the_same_value(key: str) -> None:
    template = f"{{{{ciwi.{key}}}}} {{{{cictl.{key}}}}}"
    assert render(template, {f"cictl.{key}": "a"}) == "a a"
    assert render(template, {f"ciwi.{key}": "b", f"cictl.{key}": "a"}) == "b b"


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text()))
def test_text_without_braces_never_changes(text: str, values: dict[str, str]) -> None:
    plain = text.replace("{{", "")
    assert render(plain, values) == plain


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ secret.a }}{{secret.b-C_9}}", ["a", "b-C_9"]),
        ("{{secret.b}} {{ secret.a }} {{  secret.b}}", ["b", "a"]),
        ("{{ secret. }} {{ secret.ä }} {secret.x} {{ secret . y }}", []),
        ("{{name}}", []),
    ],
)
def test_secret_names_are_listed_once_in_order(text: str, names: list[str]) -> None:
    assert secret_names(text) == names
