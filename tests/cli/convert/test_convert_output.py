"""What is written is read back as the same values, whatever comments stand between."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from cictl.cli.convert.output import Block, Remark, written

TEXTS = st.text(
    alphabet=st.characters(
        codec="utf-8", exclude_characters="\x7f\x85\u2028\u2029\ufeff", exclude_categories=["Cs", "Co", "Cn"]
    ),
    min_size=1,
    max_size=30,
) | st.sampled_from(
    [
        "yes",
        "null",
        "~",
        "1.10",
        "- x",
        "a: b",
        "#c",
        "a #b",
        "{{x}}",
        "*a",
        "&a",
        "line\n",
        "two\nlines\n",
        "no\nend",
        "\n\n",
        "x\n\n",
        " a",
        "a\n b",
        "'",
        '"',
        "\t",
        "a\tb",
        "[",
        "|",
        ">",
    ]
)
KEYS = st.text(alphabet="abc_-:# \"'0", min_size=1, max_size=5)
LEAVES = TEXTS | st.booleans() | st.integers(-9, 999)


def blocks(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Block]:
    def build(items: dict[str, Any], remarks: list[tuple[int, str]]) -> Block:
        block = Block()
        block.items = list(items.items())
        for place, text in remarks:
            block.items.insert(min(place, len(block.items)), Remark(text))
        return block

    remarks = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["line 3: x: y", "two\nlines", ""])), max_size=2)
    return st.builds(build, st.dictionaries(KEYS, values, min_size=1, max_size=4), remarks)


def has_item(items: list[Any]) -> bool:
    return any(not isinstance(item, Remark) for item in items)


VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner | st.just(Remark("r")), min_size=1, max_size=3).filter(has_item) | blocks(inner),
    max_leaves=12,
)


def plain(value: Any) -> Any:
    """Return what a reader that takes all scalars as texts should find."""
    if isinstance(value, Block):
        return {item[0]: plain(item[1]) for item in value.items if not isinstance(item, Remark)}
    if isinstance(value, list):
        return [plain(each) for each in value if not isinstance(each, Remark)]
    return str(value).lower() if isinstance(value, bool) else str(value)


@given(blocks(VALUES))
def test_values_survive(block: Block) -> None:
    assert yaml.load(written(block), Loader=yaml.BaseLoader) == plain(block)
