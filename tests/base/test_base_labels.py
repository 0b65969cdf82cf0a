"""Labels of agents: how they are written, and what can't be one."""

from __future__ import annotations

import pytest

from cictl.base.names.labels import LabelError, labels_in, parse_labels


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        pytest.param(["gpu=a100"], {"gpu": "a100"}, id="one"),
        pytest.param(["gpu=a100", "zone=eu"], {"gpu": "a100", "zone": "eu"}, id="two"),
        pytest.param(["gpu=a100, zone = eu"], {"gpu": "a100", "zone": "eu"}, id="joined"),
        pytest.param(["gpu"], {"gpu": "true"}, id="without-value"),
        pytest.param(["example.com/pool=a b", "url=x=y"], {"example.com/pool": "a b", "url": "x=y"}, id="odd-signs"),
        pytest.param(["gpu=t4", "gpu=t4"], {"gpu": "t4"}, id="the-same-twice"),
        pytest.param([], {}, id="none"),
    ],
)
def test_labels(texts: list[str], labels: dict[str, str]) -> None:
    assert parse_labels(texts) == labels


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "a label needs a key", id="empty"),
        pytest.param("gpu=a100,", "a label needs a key", id="comma-at-the-end"),
        pytest.param("=a100", "a label needs a key", id="no-key"),
        pytest.param("gpu=", "label gpu has no value", id="no-value"),
        pytest.param("gpu=a,gpu=b", "label gpu has two values, a and b", id="two-values"),
        pytest.param("a b=c", "the key 'a b' may have letters", id="blank-in-key"),
        pytest.param("grün=c", r"the key 'gr\\xfcn' may have letters", id="other-letters"),
        pytest.param("-x=c", "the key '-x' may have letters", id="looks-like-an-option"),
        pytest.param(f"{'k' * 64}=c", "has 64 characters; it may have 63", id="long-key"),
        pytest.param(f"k={'v' * 129}", "has 129 characters; it may have 128", id="long-value"),
        pytest.param("k=a\x1bb", "can't be printed", id="control-character"),
        pytest.param(",".join(f"k{n}=v" for n in range(65)), "65 labels; an agent may have 64", id="too-many"),
        *(
            pytest.param(f"{key}=x", f"{key} is a fact that the agent finds out itself", id=f"fact-{key}")
            for key in ("os", "OS", "arch", "executor", "shell", "shells", "agent_id", "run_mode", "updater", "tool.go")
        ),
    ],
)
def test_what_is_no_label(text: str, problem: str) -> None:
    with pytest.raises(LabelError, match=problem):
        parse_labels([text])


def test_labels_are_what_is_no_fact() -> None:
    capabilities = {"os": "linux", "tool.go": "1.22", "zone": "eu", "gpu": "t4", "updater": "cictl-wheel"}
    assert list(labels_in(capabilities).items()) == [("gpu", "t4"), ("zone", "eu")]
    assert labels_in(None) == {}
