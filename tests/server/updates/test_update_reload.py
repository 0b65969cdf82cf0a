"""Fetching the projects again after an update."""

from __future__ import annotations

from pathlib import Path

import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl_server.store.contract import Transaction
from cictl_server.store.records.settings import SettingRecord

ONE = "version: 1\nproject: {name: shop}\npipelines: [{id: build, jobs: [{id: j, steps: [{run: x}]}]}]\n"
TWO = ONE.replace("pipelines: [", "pipelines: [{id: more, jobs: [{id: j, steps: [{run: x}]}]}, ")


@pytest.fixture
def origin(tmp_path: Path, server: RunningServer) -> Origin:
    made = Origin(tmp_path)
    made.commit({"cictl.yaml": ONE})
    import_project(server, made.url)
    made.commit({"cictl.yaml": TWO})
    return made


def reload_as_after_an_update(server: RunningServer) -> dict[str, str]:
    """Start the reload, and return what is told of it."""

    def change(tx: Transaction) -> None:
        tx.settings.put(SettingRecord(key="update_reload_projects_pending", value="1"))
        tx.settings.put(SettingRecord(key="update_message", value="update successful: v1.2.3"))

    server.store.write(change)
    server.services.updates.reload.run_if_pending()
    status: dict[str, str] = server.get("/api/v1/update/status").json["status"]
    assert status["update_message"] == "update successful: v1.2.3", "the result of the update stays"
    return status


def pipelines(server: RunningServer) -> int:
    [project] = server.get("/api/v1/projects").json["projects"]
    return len(project["pipelines"])


@pytest.mark.usefixtures("origin")
def test_every_project_is_fetched_once(server: RunningServer) -> None:
    status = reload_as_after_an_update(server)
    assert pipelines(server) == 2
    assert status["update_reload_projects_pending"] == "0"
    assert status["update_reload_message"] == "post-update project reload complete"


@pytest.mark.usefixtures("origin")
def test_without_an_update_nothing_is_fetched(server: RunningServer) -> None:
    server.services.updates.reload.run_if_pending()
    assert pipelines(server) == 1


def test_what_fails_is_tried_again_at_the_next_start(server: RunningServer, origin: Origin) -> None:
    origin.commit({"cictl.yaml": "nonsense"})
    status = reload_as_after_an_update(server)
    assert pipelines(server) == 1
    assert status["update_reload_projects_pending"] == "1"
    assert status["update_reload_message"] == "post-update project reload incomplete; retry on next restart"
    origin.commit({"cictl.yaml": TWO})
    server.services.updates.reload.run_if_pending()
    assert pipelines(server) == 1, "not before the next start"
    server.restart()
    server.services.updates.reload.run_if_pending()
    assert pipelines(server) == 2


@pytest.mark.usefixtures("origin")
def test_while_this_server_is_updated_nothing_is_fetched(server: RunningServer) -> None:
    book = server.services.updates.reload.book
    book.write({"update_last_apply_status": "staged", "update_message": "staged"})
    assert reload_as_after_an_update(server)["update_reload_projects_pending"] == "1"
    assert pipelines(server) == 1
    book.write({"update_last_apply_status": "success", "update_message": "update successful: v1.2.3"})
    server.services.updates.reload.run_if_pending()
    assert pipelines(server) == 2


def test_no_projects_are_no_failure(server: RunningServer) -> None:
    status = reload_as_after_an_update(server)
    assert (status["update_reload_projects_pending"], "update_reload_message" in status) == ("0", False)
