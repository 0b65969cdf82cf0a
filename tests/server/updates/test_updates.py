"""Updating the server: what it stages, remembers, and asks the updater for."""

from __future__ import annotations

import os
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.installs.updatable import CURRENT, NEW, OLD, Updatable, wheel_of
from cictl_testing.processes import eventually
from cictl_testing.servers.threads import ThreadedServer
from msgspec.structs import replace

from cictl.base.system import children
from cictl.installation import manifest
from cictl.installation.manifest import Pending
from cictl.installation.staging import StageError
from cictl.wire.agents import LeaseResponse
from cictl_server.app import create_app
from cictl_server.store.contract import Transaction
from cictl_server.store.records.settings import SettingRecord

CHECK = "/api/v1/update/check"
APPLY = "/api/v1/update/apply"


def pending(it: Updatable) -> Pending:
    found = manifest.find_pending(it.layout)
    assert found is not None
    return found


class TestApply:
    @pytest.mark.weakness("U3")
    def test_the_latest_release_is_staged(self, it: Updatable) -> None:
        answer = it.server.post(APPLY)
        assert (answer.status_code, answer.json) == (
            200,
            {
                "updated": True,
                "message": "staged update and triggered linux updater",
                "target": NEW,
                "target_version": NEW,
                "current_version": CURRENT,
                "staged": True,
            },
        )
        wanted = pending(it)
        assert (wanted.target_version, wanted.from_version, wanted.rollback) == (NEW, CURRENT, False)
        assert (wanted.health_url, wanted.pid, wanted.argv) == ("http://127.0.0.1:1", 4711, None)
        assert it.layout.updater() == CURRENT, "what switches versions is code that is known to work"
        assert it.layout.current() == CURRENT
        assert it.left == 0, "whoever watches the server ends it"

    def test_what_is_remembered_of_it(self, it: Updatable) -> None:
        it.apply()
        status = it.status()
        assert status["update_last_apply_status"] == status["update_phase"] == "staged"
        assert status["update_message"] == "staged update and triggered linux updater"
        assert status["update_last_apply_utc"] == "2026-03-01T12:00:00.000000Z"
        assert (status["update_latest_version"], status["update_target_version"]) == (NEW, NEW)
        assert status["update_reload_projects_pending"] == "1"
        assert status["update_agent_target_version"] == "", "agents follow once it has worked out"

    @pytest.mark.weakness("U6")
    def test_agents_follow_once_it_has_worked_out(self, it: Updatable) -> None:
        it.apply()
        it.finish("success", f"update successful: {NEW}")
        status = it.status()
        assert status["update_current_version"] == status["agent_update_target"] == NEW
        assert status["update_agent_target_version"] == NEW
        assert (status["update_last_apply_status"], status["update_message"]) == (
            "success",
            "update successful: v1.2.0",
        )
        assert (status["update_previous_version"], status["update_phase"]) == (CURRENT, "idle")
        assert status["update_rollback_versions"] == f"{CURRENT},{OLD}"

    def test_agents_stay_where_it_has_not(self, it: Updatable) -> None:
        it.apply()
        text = "update to v1.2.0 failed health check; rolled back to v1.1.0"
        it.finish("failed", text)
        status = it.status()
        assert (status["update_last_apply_status"], status["update_message"]) == ("failed", text)
        assert (status["update_current_version"], status["update_agent_target_version"]) == (CURRENT, "")
        assert status["update_latest_version"] == NEW

    def test_a_later_start_does_not_tell_old_results_again(self, it: Updatable) -> None:
        it.apply()
        it.finish("failed", "no")
        it.server.clock.step(60)
        it.rollback(CURRENT)
        it.server.restart()
        assert it.status()["update_last_apply_status"] == "noop"

    def test_a_clock_that_was_set_back_hides_no_result(self, it: Updatable) -> None:
        it.apply()
        it.finish("failed", "first")
        it.server.clock.step(-3600)
        it.apply()
        it.finish("failed", "second")
        assert it.status()["update_message"] == "second"

    @pytest.mark.parametrize("target", ["", NEW])
    def test_what_runs_already_is_left_alone(self, it: Updatable, target: str) -> None:
        it.restart_as(NEW)
        answer = it.apply(target).json
        assert (answer["updated"], answer["message"], answer["target"]) == (False, "already up to date", NEW)
        assert answer["target_version"] == NEW
        status = it.status()
        assert (status["update_last_apply_status"], status["agent_update_target"]) == ("noop", NEW)
        assert manifest.find_pending(it.layout) is None

    def test_the_latest_release_is_no_downgrade(self, it: Updatable) -> None:
        it.restart_as("v1.3.0-rc.1")
        assert it.apply().json["message"] == "already up to date"

    def test_a_tag_that_has_no_release(self, it: Updatable) -> None:
        answer = it.apply("v9.9.9")
        assert answer.status_code == 400
        assert answer.text.startswith("release for tag v9.9.9 query failed: status=404")

    def test_leases_pause_until_the_restart(self, it: Updatable) -> None:
        job_id = it.server.enqueue()
        it.apply()
        lease = it.server.lease()
        assert (lease.assigned, lease.message) == (False, "server is updating")
        it.finish("failed", "it did not work out")
        assert it.server.leased().id == job_id

    def test_agents_that_wait_for_a_job_are_answered(self, it: Updatable, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cictl_server.services.jobs.leasing.WAIT_LIMIT_SECONDS", 600)  # staging may take long
        answers: list[LeaseResponse] = []
        agent = threading.Thread(target=lambda: answers.append(it.server.lease(wait_seconds=600)))
        agent.start()
        eventually(lambda: it.server.services.core.hub.waiting, what="the agent")
        it.apply()
        agent.join()
        assert answers[0].message == "server is updating"

    def test_running_jobs_report_on(self, it: Updatable) -> None:
        it.server.enqueue()
        job = it.server.running()
        it.apply()
        assert it.server.report(job.id, "succeeded").status_code == 200

    def test_a_second_one_is_refused(self, it: Updatable) -> None:
        it.apply()
        for answer in (it.apply(), it.rollback(OLD)):
            assert (answer.status_code, answer.text) == (409, "update already in progress\n")
        assert it.status()["update_last_apply_status"] == "staged", "nothing was remembered of those"

    def test_one_of_another_process_counts(self, it: Updatable) -> None:
        with it.layout.lock():
            assert it.apply().status_code == 409
        assert it.apply().status_code == 200

    @pytest.mark.weakness("U7")
    def test_an_updater_that_never_comes(self, it: Updatable) -> None:
        it.apply()
        it.server.clock.step(600)
        assert it.server.lease().message == "no matching queued job", "agents do not wait for it either"
        it.server.services.updates.update.settle()
        status = it.status()
        assert (status["update_last_apply_status"], status["update_phase"]) == ("failed", "idle")
        assert status["update_message"] == "update to v1.2.0 did not complete"
        assert it.apply().status_code == 200

    def test_the_server_ends_while_it_stages(self, it: Updatable) -> None:
        def change(tx: Transaction) -> None:
            tx.settings.put(SettingRecord(key="update_last_apply_status", value="running"))
            tx.settings.put(SettingRecord(key="update_target_version", value=NEW))

        it.server.store.write(change)
        it.server.restart()
        it.server.services.updates.update.settle()
        assert it.status()["update_message"] == "update to v1.2.0 did not complete"

    def test_an_update_that_lost_its_updater_is_confirmed_by_the_new_version(self, it: Updatable) -> None:
        it.apply()
        assert manifest.claim(it.layout)
        it.layout.switch(NEW)
        it.restart_as(NEW)
        it.server.clock.step(600)
        it.server.services.updates.update.settle()
        status = it.status()
        assert (status["update_last_apply_status"], status["agent_update_target"]) == ("success", NEW)
        assert status["update_message"].endswith("confirmed at startup")


class TestRollback:
    def test_what_is_still_here_needs_no_network(self, it: Updatable) -> None:
        it.releases.close()
        answer = it.rollback(OLD)
        assert (answer.status_code, answer.json["message"]) == (200, "staged rollback and triggered linux updater")
        assert it.releases.seen == []
        assert (pending(it).target_version, pending(it).rollback) == (OLD, True)

    def test_what_is_gone_is_fetched(self, it: Updatable) -> None:
        it.releases.publish("v0.9.0", wheel_of("v0.9.0"))
        assert it.rollback("v0.9.0").json["updated"] is True
        assert it.layout.is_complete("v0.9.0")

    def test_what_was_tampered_with_is_not_used(self, it: Updatable) -> None:
        it.layout.mark_failed(OLD)
        it.releases.close()
        assert it.rollback(OLD).text.startswith("request release for tag v1.0.0: ")

    def test_right_after_an_update_its_updater_is_waited_for(self, it: Updatable) -> None:
        """It tells its end before it ends, and holds the lock until then."""
        it.apply()
        it.finish("success", f"update successful: {NEW}")
        lock = it.layout.lock()
        lock.acquire()
        leaving = threading.Timer(0.2, lock.release)
        leaving.start()
        assert it.rollback(CURRENT).status_code == 200
        leaving.join()

    def test_the_latest_version_is_known_after_it(self, it: Updatable) -> None:
        it.server.post(CHECK)
        it.rollback(OLD)
        it.finish("success", "update successful: v1.0.0")
        status = it.status()
        assert (status["update_current_version"], status["update_latest_version"]) == (OLD, NEW)
        assert (status["update_available"], status["update_agent_target_version"]) == ("1", OLD)

    def test_to_what_runs(self, it: Updatable) -> None:
        assert it.rollback(CURRENT).json["message"] == "already at target version"


class TestDetached:
    def test_a_long_one_is_answered_before_its_end(self, it: Updatable) -> None:
        it.change_tools(apply_wait=timedelta(0))
        it.releases.gate.clear()
        answer = it.apply(NEW)
        assert (answer.status_code, answer.json) == (
            202,
            {
                "updated": False,
                "message": "update still running; see /api/v1/update/status",
                "target": NEW,
                "target_version": NEW,
                "current_version": CURRENT,
            },
        )
        eventually(lambda: it.status()["update_phase"] == "download", what="the download")
        assert it.status()["update_last_apply_status"] == "running"
        assert it.apply().status_code == 409
        assert it.server.post("/api/v1/server/restart").status_code == 409
        it.releases.gate.set()
        eventually(lambda: it.status()["update_last_apply_status"] == "staged", what="the end of it")

    @pytest.mark.weakness("U2")
    def test_a_client_that_hangs_up_changes_nothing(self, it: Updatable) -> None:
        it.releases.gate.clear()
        http = ThreadedServer(create_app(it.server.services))
        try:
            with socket.create_connection(("127.0.0.1", http.port)) as connection:
                connection.sendall(f"POST {APPLY} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
                eventually(lambda: it.status().get("update_last_apply_status") == "running", what="the start")
            it.releases.gate.set()
            eventually(lambda: it.status()["update_last_apply_status"] == "staged", what="the end of it")
        finally:
            http.stop()

    @pytest.mark.weakness("U15")
    def test_running_jobs_may_end_first(self, it: Updatable) -> None:
        it.server.enqueue()
        job = it.server.running()
        it.change_tools(drain=timedelta(minutes=5), apply_wait=timedelta(0))
        it.apply()
        eventually(lambda: it.server.lease("b").message == "server is updating", what="the pause")
        assert manifest.find_pending(it.layout) is None
        it.server.report(job.id, "succeeded")
        eventually(lambda: manifest.find_pending(it.layout), what="the request to the updater")


class TestStop:
    """The server is stopped while it installs a version."""

    @pytest.fixture
    def installing(self, it: Updatable, tmp_path: Path) -> Updatable:
        """A server whose pip never ends."""

        def stage(*_: Any, **__: Any) -> None:
            command = ["sh", "-c", f"touch {tmp_path}/pip; exec sleep 300"]
            done = children.run(command, env=os.environ, seconds=300)
            raise StageError(f"pip install ended with {done.returncode}")

        it.change_tools(stage=stage, apply_wait=timedelta(0))
        it.apply()
        eventually((tmp_path / "pip").exists, what="pip")
        return it

    def test_pip_is_ended_and_the_status_says_so(self, installing: Updatable) -> None:
        installing.server.services.updates.update.stop()
        eventually(lambda: installing.status()["update_last_apply_status"] == "failed", what="the end of it")
        text = "stage update: the server was stopped before the version was installed"
        assert installing.status()["update_message"] == text
        assert manifest.find_pending(installing.layout) is None

    def test_nothing_is_switched_once_the_server_stops(self, it: Updatable) -> None:
        it.change_tools(apply_wait=timedelta(0))
        it.releases.gate.clear()
        it.apply()
        it.server.services.updates.update.stop()
        it.releases.gate.set()
        eventually(lambda: it.status()["update_last_apply_status"] == "failed", what="the end of it")
        assert manifest.find_pending(it.layout) is None


class TestHelper:
    """Without a service manager a helper replaces this process, which ends for it once the answer is out."""

    @pytest.mark.weakness("U5")
    def test_it_is_started_and_the_server_leaves(self, it: Updatable) -> None:
        it.needs_helper()
        answer = it.apply().json
        assert (answer["message"], "staged" in answer) == ("update helper started, restarting", False)
        assert it.helped
        assert it.helped[0].argv == ["serve", "--port", "1"]
        eventually(lambda: it.left, what="the server to leave")
        assert it.status()["update_last_apply_status"] == "staged", "success is told by whoever sees it"

    def test_a_helper_that_cannot_be_started(self, it: Updatable) -> None:
        it.needs_helper()

        def fail(*_: object) -> None:
            raise OSError(11, "Resource temporarily unavailable")

        it.change_tools(start_helper=fail)
        answer = it.apply()
        assert (answer.status_code, answer.text[:17]) == (500, "trigger updater: ")
        assert (manifest.find_pending(it.layout), it.left) == (None, 0)
        assert it.status()["update_last_apply_status"] == "failed"
        assert it.server.lease().message != "server is updating"

    def test_a_rollback_says_so(self, it: Updatable) -> None:
        it.needs_helper()
        assert it.rollback(OLD).json["message"] == "rollback helper started, restarting"


class TestStatus:
    @pytest.mark.weakness("U10")
    def test_only_updates_are_told(self, it: Updatable) -> None:
        def change(tx: Transaction) -> None:
            for key in ("agent_update_target", "agent_deactivated:a", "secret", "update_message"):
                tx.settings.put(SettingRecord(key=key, value="x"))

        it.server.store.write(change)
        assert set(it.status()) == {
            "agent_update_target",
            "update_message",
            "update_current_version",
            "update_server_mode",
            "update_server_self_update_supported",
            "update_server_self_update_reason",
            "update_agent_target_version",
            "update_agent_non_service_agents",
            "update_phase",
            "update_previous_version",
            "update_rollback_versions",
        }

    @pytest.mark.parametrize("mode", ["service", "standalone", "dev"])
    def test_how_the_server_was_started(self, it: Updatable, mode: Any) -> None:
        it.capability = replace(it.capability, mode=mode)
        assert it.status()["update_server_mode"] == mode

    def test_agents_that_cannot_update_themselves(self, it: Updatable) -> None:
        it.apply()
        it.finish("success", "done")
        failures: dict[str, str] = {
            "b": "Agent is not running as a service; self-update disabled",
            "a": "update failed: agent is not running as a service; self-update disabled (pid 4)",
            "c": "disk full",
        }
        for agent_id, failure in failures.items():
            it.server.heartbeat(agent_id, version=CURRENT)
            it.server.heartbeat(agent_id, version=CURRENT, update_failure=failure)
        assert it.status()["update_agent_non_service_agents"] == "a,b"
