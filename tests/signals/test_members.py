"""Which servers there are and who leads, by the contracts of `Members` and `Leadership`."""

from __future__ import annotations

from cictl_testing.processes import eventually
from cictl_testing.signals import Two

from cictl_server.signals.contract import BACKGROUND, Signals


def ids(signals: Signals) -> set[str]:
    return {member.instance_id for member in signals.members.all()}


def test_every_server_knows_all(two: Two) -> None:
    everybody = {two.here.members.own.instance_id, two.there.members.own.instance_id}
    for signals in (two.here, two.there):
        eventually(lambda signals=signals: ids(signals) == everybody, what="all servers")  # type: ignore[misc]
        assert all(signals.members.is_alive(instance_id) for instance_id in everybody)
        assert signals.figures().alive == len(everybody)
    assert not two.here.members.is_alive("stranger")


def test_a_server_tells_itself(two: Two) -> None:
    own = two.here.members.own
    assert (own.version, bool(own.name)) == ("1.2.3", True)
    assert own.started <= own.seen
    assert own.instance_id in ids(two.here)


def test_one_of_them_leads(two: Two) -> None:
    leaders = {signals.members.own.instance_id for signals in (two.here, two.there) if signals.leadership.is_ours}
    assert len(leaders) == 1
    for signals in (two.here, two.there):
        eventually(
            lambda signals=signals: {m.instance_id for m in signals.members.all() if BACKGROUND in m.leads} == leaders,  # type: ignore[misc]
            what="the leader to be known",
        )


def test_only_servers_with_others_have_numbers_which_differ(two: Two) -> None:
    numbers = {signals.members.own.instance_id: signals.members.number for signals in (two.here, two.there)}
    assert len(set(numbers.values())) == len(numbers)
    if len(numbers) == 1:
        assert list(numbers.values()) == [None]
    else:
        assert all(number is not None and 0 <= number <= 999 for number in numbers.values())


def test_agents_can_be_heard_from_the_start(two: Two) -> None:
    assert two.here.listening_since <= two.here.clock()
