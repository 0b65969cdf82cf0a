"""States that servers share, by the contract of `Board`."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest
from cictl_testing.processes import eventually
from cictl_testing.signals import Two

from cictl_server.signals.contract import Board


class Count(msgspec.Struct, frozen=True):
    """A state that can tell how often it was changed."""

    value: int
    note: str = ""


def raised(old: Count | None) -> tuple[Count, int]:
    new = Count(value=(old.value if old else 0) + 1)
    return new, new.value


def noted(note: str) -> Callable[[Count | None], Count | None]:
    """Return the change that gives a state a note, and makes none."""
    return lambda old: old and msgspec.structs.replace(old, note=note)


@pytest.fixture(params=[False, True], ids=["passing", "lasting"])
def boards(two: Two, request: pytest.FixtureRequest) -> tuple[Board[Count], Board[Count]]:
    """One board as two servers see it."""
    here = two.here.board("counts", Count, is_lasting=request.param)
    return here, here if two.here is two.there else two.there.board("counts", Count, is_lasting=request.param)


def test_a_change_is_seen_where_it_was_made_at_once_and_elsewhere_soon(
    boards: tuple[Board[Count], Board[Count]],
) -> None:
    here, there = boards
    assert here.change("a", raised) == 1
    assert (here.find("a"), here.states()) == (Count(1), {"a": Count(1)})
    eventually(lambda: there.find("a") == Count(1), what="the other server to see it")
    assert here.find("b") is None


def test_no_change_of_two_servers_is_lost(boards: tuple[Board[Count], Board[Count]]) -> None:
    results: list[int] = []

    def work(board: Board[Count]) -> None:
        results.extend(board.change("a", raised) for _ in range(25))

    workers = [threading.Thread(target=work, args=(board,)) for board in boards for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(results) == list(range(1, 101))


def test_a_change_to_none_removes_the_state(boards: tuple[Board[Count], Board[Count]]) -> None:
    here, there = boards
    here.change("a", raised)
    eventually(lambda: there.find("a"), what="the other server to see it")
    assert there.change("a", lambda old: (None, old)) == Count(1)
    assert there.find("a") is None
    eventually(lambda: here.find("a") is None, what="the first server to see it")
    assert here.change("a", raised) == 1


def test_what_is_removed_is_gone_everywhere(boards: tuple[Board[Count], Board[Count]]) -> None:
    here, there = boards
    here.change("a", raised)
    here.remove("a")
    here.remove("never there")
    assert here.states() == {}
    eventually(lambda: not there.states(), what="the other server to see it")


def test_what_was_just_made_elsewhere_is_found_by_asking(boards: tuple[Board[Count], Board[Count]]) -> None:
    here, there = boards
    here.change("a", raised)
    assert there.fetch("a") == Count(1)
    assert there.fetch("b") is None
    there.remove("a")
    assert there.fetch("a") is None


def test_a_gathered_change_is_seen_here_at_once_and_elsewhere_soon(boards: tuple[Board[Count], Board[Count]]) -> None:
    here, there = boards
    here.gather("a", lambda old: raised(old)[0])
    assert here.find("a") == Count(1)
    eventually(lambda: there.find("a") == Count(1), what="the other server to see it")


def test_gathered_changes_of_two_servers_come_together(boards: tuple[Board[Count], Board[Count]]) -> None:
    for board in boards:
        for _ in range(10):
            board.gather("a", lambda old: raised(old)[0])
    eventually(lambda: {board.find("a") for board in boards} == {Count(20)}, what="both to see all of them")


def test_of_changes_that_replace_each_other_the_last_counts(boards: tuple[Board[Count], Board[Count]]) -> None:
    here, there = boards
    here.change("a", raised)
    for note in ("7", "8", "9"):
        here.gather("a", noted(note), replaces="note")
    assert here.find("a") == Count(1, "9")
    eventually(lambda: there.find("a") == Count(1, "9"), what="the other server to see it")


def test_a_gathered_change_of_nothing_makes_nothing(boards: tuple[Board[Count], Board[Count]]) -> None:
    here, there = boards
    here.gather("a", lambda old: old, replaces="sign")
    here.change("b", raised)
    eventually(lambda: there.find("b"), what="the other server to see the next one")
    assert set(here.states()) == set(there.states()) == {"b"}


def test_a_change_that_raises_changes_nothing(boards: tuple[Board[Count], Board[Count]]) -> None:
    here, _ = boards
    here.change("a", raised)
    with pytest.raises(ZeroDivisionError):
        here.change("a", lambda old: (None, 1 // 0))
    assert here.change("a", raised) == 2
