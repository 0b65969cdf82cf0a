"""PostgreSQL behind a real pgbouncer in transaction mode. `CICTL_TEST_POOLER=1` runs the tests of any folder so."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.postgres import Postgres
from cictl_testing.servers.sharing import sharing
from cictl_testing.signals import connected
from cictl_testing.stores.pooler import needs_pgbouncer

from cictl_server.errors import InvalidRequest
from cictl_server.postgres.address import DatabaseAddress
from cictl_server.postgres.database import Database
from cictl_server.postgres.errors import DatabaseUnusable
from cictl_server.transfer.place import database

pytestmark = needs_pgbouncer

OF_A_SCHEMA = "?options=-csearch_path%3Dci"


def test_two_servers_work_whichever_connections_they_get(postgres: Postgres, tmp_path: Path) -> None:
    """With fewer connections than the servers have, so that none has one for itself."""
    with (
        postgres.pooled_schema(settings="default_pool_size = 2") as url,
        sharing(url, tmp_path, tmp_path) as (here, there),
    ):
        job_ids = [here.enqueue() for _ in range(8)]
        for server in (here, there) * 4:
            server.heartbeat()
            job = server.leased()
            assert there.report(job.id, "running", output_append=job.id, output_offset=0).status_code == 200
            assert here.report(job.id, "succeeded").status_code == 200
            assert server.log(job.id) == job.id.encode()
        assert {there.job(job_id).status for job_id in job_ids} == {"succeeded"}


def test_without_notifications_waiters_look_by_themselves(postgres: Postgres) -> None:
    with postgres.pooled_schema() as url, connected(url) as here, connected(url) as there:
        eventually(lambda: here.figures().lag_seconds is None, what="no notification")
        with here.wakes.watch("queue") as watch:
            there.wakes.publish("queue")
            assert watch.wait(60)


def test_a_schema_that_the_pooler_does_not_pass_on_is_told(postgres: Postgres) -> None:
    with postgres.pooled_schema() as url, pytest.raises(DatabaseUnusable, match="a pooler") as refused:
        Database.open(DatabaseAddress.parse(url + OF_A_SCHEMA))
    assert "ALTER ROLE" in refused.value.hint


def test_a_schema_that_the_pooler_drops_is_told(postgres: Postgres) -> None:
    with (
        postgres.pooled_schema(settings="ignore_startup_parameters = options") as url,
        pytest.raises(DatabaseUnusable, match="a pooler"),
    ):
        Database.open(DatabaseAddress.parse(url + OF_A_SCHEMA))


def test_a_copy_into_it_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    with (
        postgres.pooled_schema() as url,
        pytest.raises(InvalidRequest, match="behind a pooler"),
        database(url, "", data_dir=tmp_path, is_target=True),
    ):
        pass
