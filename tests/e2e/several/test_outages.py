"""Servers, their database and their bucket fail at random while people and agents work through a balancer: nothing that was
acknowledged is lost, and nothing happens twice.

The suite kills six times among 14 agents. CICTL_TEST_KILLS=200, CICTL_TEST_KILLED_AGENTS=60 and CICTL_TEST_AWAY_SECONDS=30
are for a long run by hand.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cictl_testing.servers.nginx import needs_nginx
from cictl_testing.servers.postgres import Postgres, database_url, own_postgres, postgres
from cictl_testing.servers.seaweed import Seaweed, own_seaweed
from cictl_testing.servers.standby import Standby
from cictl_testing.several.cluster import Cluster
from cictl_testing.several.shift import Shift

__all__ = ["database_url", "own_postgres", "own_seaweed", "postgres"]

KILLS = int(os.environ.get("CICTL_TEST_KILLS", "6"))
AGENTS = int(os.environ.get("CICTL_TEST_KILLED_AGENTS", "10"))
AWAY_SECONDS = float(os.environ.get("CICTL_TEST_AWAY_SECONDS", "3"))
REAL_AGENTS = 4

pytestmark = [needs_nginx, pytest.mark.slow]


@contextmanager
def working(directory: Path, environment: dict[str, str], *, real: int, simulated: int) -> Iterator[Shift]:
    cluster = Cluster(directory, environment)
    try:
        shift = Shift(cluster, real=real, simulated=simulated)
        try:
            yield shift
        finally:
            shift.stop()
    finally:
        cluster.close()


@pytest.mark.timeout(3600)
def test_nothing_is_lost_or_done_twice_though_everything_fails(
    own_postgres: Postgres, own_seaweed: Seaweed, tmp_path: Path
) -> None:
    chance = random.Random(KILLS)
    environment = {
        "CICTL_STORE": own_postgres.url,
        "CICTL_FILES": own_seaweed.place(),
        **own_seaweed.environment(),
    }
    with working(tmp_path, environment, real=REAL_AGENTS, simulated=AGENTS) as shift:
        for number in range(KILLS):
            shift.await_progress()
            threading.Event().wait(chance.random())
            if number % 3 == 1:
                chance.choice([own_postgres.kill_backend, own_postgres.terminate_backends])()
            else:
                shift.cluster.kill(chance.choice(shift.cluster.members))
            if number == KILLS // 2:
                own_seaweed.stop()
                threading.Event().wait(AWAY_SECONDS)
                own_seaweed.start()
        shift.end()
        shift.check(own_postgres.url)


def test_nothing_is_lost_when_a_replica_takes_over(own_postgres: Postgres, tmp_path: Path) -> None:
    """The servers know both databases, and find the one that takes changes by themselves."""
    standby = Standby(own_postgres)
    try:
        url = f"postgresql://cictl@127.0.0.1:{own_postgres.port},127.0.0.1:{standby.port}/postgres"
        environment = {"CICTL_STORE": url, "CICTL_FILES": str(tmp_path / "files")}
        with working(tmp_path, environment, real=2, simulated=4) as shift:
            own_postgres.wait_for_replicas()
            shift.await_progress(jobs=15)
            own_postgres.stop()
            standby.promote()
            shift.await_progress(jobs=15)
            shift.end()
            shift.check(standby.url)
    finally:
        standby.remove()


def test_an_update_that_rolls_through_the_servers_fails_no_request(
    postgres: Postgres, database_url: str, tmp_path: Path
) -> None:
    """Each is stopped and started under load. Then the first of a later version changes the schema, and those of this one go on."""
    environment = {"CICTL_STORE": database_url, "CICTL_FILES": str(tmp_path / "files")}
    with working(tmp_path, environment, real=2, simulated=4) as shift:
        for member in shift.cluster.members:
            shift.await_progress(jobs=5)
            shift.cluster.restart(member)
        postgres.expand(database_url)
        shift.await_progress(jobs=15)
        shift.end()
        shift.check(database_url)
        assert shift.failures == []
