"""Updating the server: what there is to update to, and what is refused before anything changes."""

from __future__ import annotations

from typing import Any

import pytest
from cictl_testing.installs.updatable import CURRENT, NEW, OLD, Updatable, wheel_of

from cictl.installation import manifest
from cictl.installation.capability import CONTAINER, DEV, NO_SERVICE, PIPX, UNMANAGED, UV_TOOL, Capability
from cictl.installation.smoke import SmokeError
from cictl.installation.staging import PreflightError, StageError

CHECK = "/api/v1/update/check"
APPLY = "/api/v1/update/apply"
ROLLBACK = "/api/v1/update/rollback"
TAGS = "/api/v1/update/tags"


def remembered(it: Updatable) -> dict[str, str]:
    """Return the stored settings themselves."""
    with it.server.store.read() as view:
        return {record.key: record.value for record in view.settings.iter_all() if record.key != "audit_chain"}


class TestCheck:
    def test_a_newer_release(self, it: Updatable) -> None:
        answer = it.server.post(CHECK)
        assert (answer.status_code, answer.json) == (
            200,
            {
                "current_version": CURRENT,
                "latest_version": NEW,
                "update_available": True,
                "release_url": f"{it.releases.url}/releases/{NEW}",
                "asset_name": "cictl-1.2.0-py3-none-any.whl",
            },
        )
        stored = remembered(it)
        assert stored["update_last_checked_utc"] == "2026-03-01T12:00:00.000000Z"
        assert stored["update_current_version"] == CURRENT
        assert (stored["update_latest_version"], stored["update_available"]) == (NEW, "1")
        assert (stored["update_asset_name"], stored["update_message"]) == ("cictl-1.2.0-py3-none-any.whl", "")

    def test_nothing_newer(self, it: Updatable) -> None:
        it.restart_as(NEW)
        answer = it.server.post(CHECK).json
        assert (answer["update_available"], answer["message"]) == (False, "already up to date")
        assert it.status()["update_available"] == "0"

    @pytest.mark.weakness("U12")
    @pytest.mark.parametrize("version", ["v1.2.1-rc.1", "v1.3.0"])
    def test_a_downgrade_is_never_offered(self, it: Updatable, version: str) -> None:
        """Some clients compare the two versions for equality only."""
        it.restart_as(version)
        answer = it.server.post(CHECK).json
        assert (answer["update_available"], answer["latest_version"]) == (False, NEW)
        assert it.status()["update_latest_version"] == it.status()["update_current_version"] == version

    def test_what_was_never_released_can_look_too(self, it: Updatable) -> None:
        it.restart_as("dev")
        answer = it.server.post(CHECK).json
        assert (answer["update_available"], answer["latest_version"]) == (False, NEW)
        assert answer["message"] == "dev is no release; v1.2.0 is the latest"

    def test_releases_that_cannot_be_had_are_an_answer_too(self, it: Updatable) -> None:
        it.server.post(CHECK)
        it.releases.faults["/repos"] = [500] * 3
        it.server.restart()
        assert it.server.update_tools is not None
        it.change_tools(source=replace_web(it))
        answer = it.server.post(CHECK)
        text = "latest release query failed: status=500 body=out of order"
        assert (answer.status_code, answer.json) == (
            200,
            {"current_version": CURRENT, "update_available": False, "message": text},
        )
        status = it.status()
        assert "update_latest_version" not in status, "what it was is not what it is"
        assert (status["update_available"], status["update_message"]) == ("0", text)

    def test_only_post(self, it: Updatable) -> None:
        assert it.server.get(CHECK).status_code == 405


def replace_web(it: Updatable) -> Any:
    """Return the source of releases with an empty memory."""
    from cictl.installation.releases.github import GithubSource
    from cictl.installation.releases.web import Web

    assert it.server.update_tools is not None
    return GithubSource(it.server.update_tools.releases, Web(pause=lambda _: None))


class TestTags:
    def test_the_running_version_comes_first_where_it_is_missing(self, it: Updatable) -> None:
        it.releases.bare_tags = [NEW, "v0.9.0", "nightly"]
        it.restart_as("v1.1.1")
        assert it.server.get(TAGS).json == {"tags": ["v1.1.1", NEW, CURRENT, OLD], "current_version": "v1.1.1"}

    def test_the_order_of_the_releases_stays(self, it: Updatable) -> None:
        assert it.server.get(TAGS).json == {"tags": [NEW, CURRENT, OLD], "current_version": CURRENT}

    def test_offline_there_is_what_is_installed(self, it: Updatable) -> None:
        it.releases.close()
        assert it.server.get(TAGS).json == {"tags": [CURRENT, OLD], "current_version": CURRENT}

    def test_offline_with_nothing_installed(self, it: Updatable) -> None:
        it.capability = Capability("dev", False, DEV, None)
        it.releases.faults["/repos"] = [403]
        answer = it.server.get(TAGS)
        assert (answer.status_code, answer.text) == (400, "tags query failed: status=403 body=out of order\n")


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "body", "text"),
        [
            (APPLY, b"{", "invalid JSON body"),
            (APPLY, b'{"target_version": 5}', "invalid JSON body"),
            (APPLY, b'{"target_version": "v1.2.0-1"}', "invalid target_version"),
            (APPLY, b'{"target_version": "../../x"}', "invalid target_version"),
            (ROLLBACK, b"", "target_version is required"),
            (ROLLBACK, b'{"target_version": "  "}', "target_version is required"),
            (ROLLBACK, b'{"target_version": "latest"}', "invalid target_version"),
        ],
    )
    def test_what_is_no_version(self, it: Updatable, path: str, body: bytes, text: str) -> None:
        answer = it.server.http.simulate_post(path, body=body)
        assert (answer.status_code, answer.text) == (400, f"{text}\n")
        assert remembered(it) == {}

    @pytest.mark.weakness("U1")
    @pytest.mark.parametrize("reason", [DEV, PIPX, UV_TOOL, CONTAINER, NO_SERVICE, UNMANAGED])
    @pytest.mark.parametrize("path", [APPLY, ROLLBACK])
    def test_an_installation_that_cannot(self, it: Updatable, path: str, reason: str) -> None:
        it.capability = Capability("standalone", False, reason, None)
        answer = it.server.http.simulate_post(path, body=b'{"target_version": "v1.0.0"}')
        assert (answer.status_code, answer.text) == (400, f"{reason}\n")
        assert it.releases.seen == [], "nothing was downloaded"
        status = it.status()
        assert (status["update_last_apply_status"], status["update_message"]) == ("failed", reason)
        assert (status["update_server_self_update_supported"], status["update_server_self_update_reason"]) == (
            "0",
            reason,
        )
        assert "agent_update_target" not in status

    def test_the_code_tells_machines(self, it: Updatable) -> None:
        it.capability = Capability("dev", False, DEV, None)
        answer = it.server.http.simulate_post(APPLY, headers={"Accept": "application/json"})
        assert answer.json["code"] == "update_unavailable"

    @pytest.mark.parametrize("path", [APPLY, ROLLBACK, CHECK, "/api/v1/server/restart"])
    def test_a_page_of_another_origin(self, it: Updatable, path: str) -> None:
        answer = it.server.post(path, headers={"Origin": "http://evil.example.test"})
        assert answer.status_code == 403

    def test_a_release_with_a_wrong_checksum(self, it: Updatable) -> None:
        it.releases.publish("v1.3.0", wheel_of("v1.3.0"), checksums=f"{'0' * 64}  cictl-1.3.0-py3-none-any.whl\n")
        answer = it.apply()
        assert answer.status_code == 400
        assert answer.text.startswith("checksum verification failed: cictl-1.3.0-py3-none-any.whl has ")
        assert nothing_changed(it)

    def test_a_release_without_checksums(self, it: Updatable) -> None:
        it.releases.publish("v1.3.0", wheel_of("v1.3.0"), checksums="")
        answer = it.apply()
        text = 'latest release has no checksum asset (expected "cictl-checksums.txt")\n'
        assert (answer.status_code, answer.text) == (400, text)
        assert nothing_changed(it)

    @pytest.mark.parametrize(
        ("problem", "status", "text"),
        [
            (PreflightError("12 MiB free"), 400, "preflight failed: 12 MiB free"),
            (StageError("pip failed"), 500, "stage update: pip failed"),
            (OSError(28, "No space left on device"), 500, "stage update: [Errno 28] No space left on device"),
            (RuntimeError("a bug"), 500, "stage update: unexpected RuntimeError: a bug"),
            (SmokeError("no"), 500, str(SmokeError("no"))),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_a_version_that_cannot_be_installed(
        self, it: Updatable, problem: Exception, status: int, text: str
    ) -> None:
        it.problem = problem
        answer = it.apply()
        assert (answer.status_code, answer.text) == (status, f"{text}\n")
        assert it.status()["update_message"] == text
        assert nothing_changed(it)

    @pytest.mark.parametrize(
        ("flavour", "text"),
        [("tells-another-version", "smoke test failed: v1.2.0 "), ("refuses-data", "smoke test failed: v1.2.0 ")],
    )
    def test_a_version_that_does_not_work_here(self, it: Updatable, flavour: str, text: str) -> None:
        it.flavour = flavour
        answer = it.apply()
        assert answer.status_code == 500
        assert answer.text.startswith(text)
        assert it.layout.current() == CURRENT
        assert manifest.find_pending(it.layout) is None


def nothing_changed(it: Updatable) -> bool:
    assert it.status()["update_last_apply_status"] == "failed"
    assert "agent_update_target" not in it.status()
    assert it.server.lease().message != "server is updating"
    leftovers = list(it.layout.downloads.rglob("*")) if it.layout.downloads.exists() else []
    assert leftovers == []
    return (it.layout.complete_versions(), it.layout.current()) == ([CURRENT, OLD], CURRENT)
