"""What every store promises about looking up tests."""

from __future__ import annotations

import pytest
from cictl_testing.stores.records import MOMENT
from cictl_testing.stores.reopening import Reopenable
from msgspec.structs import replace

from cictl_server.store.contract import Store, Transaction
from cictl_server.store.tables import TestFilter
from cictl_server.store.tried import TriedTest

SHOP, BUILD = TestFilter(project="shop"), TestFilter(project="shop", pipeline="build")
FLAKY = TestFilter(is_flaky=True)


def tried(
    key: str,
    name: str = "pot",
    *,
    project: str = "shop",
    pipeline: str = "build",
    seconds: float = 1.0,
    flaky: bool = False,
) -> TriedTest:
    return TriedTest(
        key=key, name=name, seen=MOMENT, project=project, pipeline=pipeline, passes=1, seconds=seconds, flaky=flaky
    )


def put(store: Store, *tests: TriedTest) -> None:
    def change(tx: Transaction) -> None:
        for test in tests:
            tx.tests.put(test)

    store.write(change)


def in_order(store: Store, where: TestFilter, after: TriedTest | None = None) -> str:
    with store.read() as view:
        return "".join(test.key for test in view.tests.in_order(where, after=after))


def slowest(store: Store, where: TestFilter) -> str:
    with store.read() as view:
        return "".join(test.key for test in view.tests.slowest_first(where))


TESTS = (
    tried("a", "pot", seconds=2),
    tried("b", "cup", seconds=5, flaky=True),
    tried("c", "pot", seconds=1),
    tried("d", "ant", pipeline="ship", seconds=9),
    tried("e", "bee", project="tea", seconds=3, flaky=True),
)


@pytest.fixture
def filled(store: Store) -> Store:
    put(store, *TESTS)
    return store


@pytest.mark.parametrize(
    ("where", "ordered", "by_slowness"),
    [
        pytest.param(TestFilter(), "bacde", "dbeac", id="all"),
        pytest.param(SHOP, "bacd", "dbac", id="a project"),
        pytest.param(BUILD, "bac", "bac", id="a pipeline"),
        pytest.param(FLAKY, "be", "be", id="flaky ones"),
        pytest.param(TestFilter(project="tea", is_flaky=True), "e", "e", id="flaky ones of a project"),
        pytest.param(TestFilter(project="sho"), "", "", id="a project without any"),
    ],
)
def test_tests_are_listed(filled: Store, where: TestFilter, ordered: str, by_slowness: str) -> None:
    assert (in_order(filled, where), slowest(filled, where)) == (ordered, by_slowness)


def test_a_list_goes_on_after_a_test(filled: Store) -> None:
    assert in_order(filled, TestFilter(), after=TESTS[0]) == "cde"
    assert in_order(filled, SHOP, after=TESTS[3]) == ""
    assert in_order(filled, TestFilter(project="tea"), after=TESTS[0]) == "e"


def test_tests_are_found_by_name_and_by_key(filled: Store) -> None:
    with filled.read() as view:
        assert [test.key for test in view.tests.named("pot")] == ["a", "c"]
        assert view.tests.named("po") == []
        assert view.tests.find_all(["b", "z"]) == {"b": TESTS[1]}
        assert view.tests.find("e") == TESTS[4]


def test_a_changed_test_takes_its_new_place(place: Reopenable) -> None:
    put(place.store, *TESTS)
    put(place.store, replace(TESTS[2], seconds=80.0, flaky=True), replace(TESTS[1], flaky=False))
    place.reopen()
    assert (slowest(place.store, BUILD), in_order(place.store, FLAKY)) == ("cba", "ce")


def test_a_deleted_test_is_found_nowhere(place: Reopenable) -> None:
    put(place.store, *TESTS)
    assert place.store.write(lambda tx: (tx.tests.delete("b"), tx.tests.delete("b"))) == (True, False)
    place.reopen()
    assert (in_order(place.store, SHOP), slowest(place.store, SHOP), in_order(place.store, FLAKY)) == (
        "acd",
        "dac",
        "e",
    )
    with place.store.read() as view:
        assert view.tests.named("cup") == []


def test_a_change_that_did_not_happen_leaves_the_lists_as_they_were(filled: Store) -> None:
    def change_and_raise(tx: Transaction) -> None:
        tx.tests.put(replace(TESTS[0], flaky=True, seconds=99.0))
        tx.tests.delete("d")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        filled.write(change_and_raise)
    assert (in_order(filled, FLAKY), slowest(filled, SHOP)) == ("be", "dbac")


@pytest.mark.parametrize(("seconds", "slowness"), [(0.0, 0.0), (0.0123, 0.012), (123.0, 120.0), (9.96, 10.0)])
def test_slowness_has_two_digits(seconds: float, slowness: float) -> None:
    assert tried("a", seconds=seconds).slowness == pytest.approx(slowness)
