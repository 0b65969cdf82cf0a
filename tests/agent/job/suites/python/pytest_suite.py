import pytest


def test_adds() -> None:
    assert 1 + 1 == 2


@pytest.mark.parametrize("name", ["plain", "ümlaut", "<b>&amp;]]>", "\x1b[31m"])
def test_named(name: str) -> None:
    print(name)
    assert name != "plain", f"{name}\x00 \x1b[0m"


@pytest.mark.skip(reason="not here")
def test_skipped() -> None: ...


@pytest.mark.xfail(reason="known")
def test_known() -> None:
    raise AssertionError


@pytest.fixture
def broken() -> None:
    raise RuntimeError("no fixture")


def test_broken(broken: None) -> None: ...
