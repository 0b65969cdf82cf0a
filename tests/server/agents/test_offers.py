"""What an agent offers, and what it meets."""

from __future__ import annotations

import pytest
from cictl_testing.stores.records import make_agent

from cictl_server.services.fleet.matching import Offers
from cictl_server.store.tables import Kind


def kind_of(**needs: str) -> Kind:
    return Kind(tuple(sorted(needs.items())), "project 1", ())


@pytest.mark.parametrize(
    ("needs", "is_met"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"os": "linux", "zone": "b"}, True, id="what the agent and its request tell"),
        pytest.param({"agent_id": "kiln"}, True, id="the agent itself"),
        pytest.param({"os": "beos"}, False, id="another system"),
    ],
)
def test_an_offer_meets_the_same_each_time_it_is_asked(needs: dict[str, str], is_met: bool) -> None:
    offer = Offers().of(make_agent("kiln", os="linux"), agent_id="kiln", overlay={"zone": "b"})
    assert [offer.meets(kind_of(**needs)) for _ in range(2)] == [is_met, is_met]


def test_an_agent_that_offers_something_else_has_another_offer() -> None:
    offers, kind = Offers(), kind_of(zone="b")
    before = offers.of(make_agent("kiln", capabilities={"zone": "a"}), agent_id="kiln", overlay={})
    after = offers.of(make_agent("kiln", capabilities={"zone": "b"}), agent_id="kiln", overlay={})
    assert (before.meets(kind), after.meets(kind)) == (False, True)
    assert offers.of(make_agent("kiln", capabilities={"zone": "a"}), agent_id="kiln", overlay={}) is before


def test_an_offer_that_was_asked_for_very_much_still_tells_the_truth() -> None:
    offer = Offers().of(None, agent_id="kiln", overlay={"zone": "7"})
    met = [number for number in range(2000) if offer.meets(kind_of(zone=f"{number}"))]
    assert met == [7]
