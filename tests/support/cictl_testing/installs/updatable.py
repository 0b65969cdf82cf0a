"""A server in a managed installation of stubs, with releases on the loopback; only building is not done for real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import falcon.testing
from msgspec.structs import replace

from cictl.installation import manifest, smoke
from cictl.installation.capability import Capability
from cictl.installation.layout import Layout
from cictl.installation.manifest import Pending, Result, Status
from cictl.installation.releases.github import GithubSource
from cictl.installation.releases.release import FetchedRelease
from cictl.installation.releases.settings import ReleaseSettings
from cictl.installation.releases.web import Web
from cictl.wire.admin.updates import UpdateRequest
from cictl_server.services.updates.process import ServerProcess
from cictl_server.services.updates.tools import UpdateTools
from cictl_testing.installs.wheels import install_stub, package_version
from cictl_testing.server import RunningServer
from cictl_testing.servers.release_server import REPOSITORY, ReleaseServer

OLD, CURRENT, NEW = "v1.0.0", "v1.1.0", "v1.2.0"


def wheel_of(tag: str) -> dict[str, bytes]:
    """Return the files of a release: a wheel that only its name makes one."""
    return {f"cictl-{package_version(tag)}-py3-none-any.whl": f"wheel of {tag}".encode()}


@dataclass
class Updatable:
    """CURRENT runs, OLD was before it and is still here, and the newest release is NEW.

    Attributes:
        capability: What is found when somebody looks whether the server can update itself.
        flavour: Of the stub that is installed instead of the wheel that was fetched.
        problem: Raised instead of installing it.
        helped: The requests for which a helper was started.
        left: Grows when the process is asked to leave.
    """

    server: RunningServer
    releases: ReleaseServer
    layout: Layout
    capability: Capability
    flavour: str = "good"
    problem: Exception | None = None
    helped: list[Pending] | None = None
    left: int = 0
    restarted: int = 0

    @classmethod
    def create(cls, directory: Path) -> Updatable:
        layout = Layout(directory / "home", directory / "data")
        for tag in (OLD, CURRENT):
            install_stub(layout, tag)
            layout.switch(tag)
        releases = ReleaseServer()
        for tag in (CURRENT, NEW):
            releases.publish(tag, wheel_of(tag))
        capability = Capability("service", True, "", layout)
        made = cls.__new__(cls)
        server = RunningServer(
            directory / "data",
            version=CURRENT,
            update_tools=_tools(lambda: made, releases),
            process=ServerProcess(
                url="http://127.0.0.1:1",
                arguments=["serve", "--port", "1"],
                leave=lambda: made._leave(),
                restart=lambda: made._restart(),
                id=4711,
            ),
        )
        made.__init__(server, releases, layout, capability, helped=[])  # type: ignore[misc]
        return made

    def close(self) -> None:
        self.releases.close()
        self.server.close()

    def change_tools(self, **fields: Any) -> None:
        """Start the server again with other tools."""
        assert self.server.update_tools is not None
        self.server.update_tools = replace(self.server.update_tools, **fields)
        self.server.restart()

    def restart_as(self, version: str) -> None:
        """Start the server again as *version*, as its supervisor does after a switch."""
        self.server.version = version
        self.server.restart()
        self.server.services.updates.update.adopt()

    def needs_helper(self) -> None:
        self.capability = replace(self.capability, mode="standalone", needs_helper=True)

    def apply(self, target: str = "") -> falcon.testing.Result:
        return self.server.post("/api/v1/update/apply", UpdateRequest(target_version=target))

    def rollback(self, target: str) -> falcon.testing.Result:
        return self.server.post("/api/v1/update/rollback", UpdateRequest(target_version=target))

    def status(self) -> dict[str, str]:
        answer = self.server.get("/api/v1/update/status")
        assert answer.status_code == 200, answer.text
        status: dict[str, str] = answer.json["status"]
        assert all(isinstance(value, str) for value in status.values())
        return status

    def finish(self, status: Status, message: str) -> None:
        """Do what the updater does at its end; on success the new version runs afterwards."""
        wanted = manifest.claim(self.layout)
        assert wanted is not None
        self.server.clock.step(10)
        if status == "success":
            self.layout.switch(wanted.target_version)
        manifest.write_result(
            self.layout,
            Result(
                status=status,
                message=message,
                phase="idle",
                target=wanted.target_version,
                updated_utc=self.server.clock(),
            ),
        )
        manifest.finish(self.layout) if status == "success" else manifest.give_up(self.layout)
        self.restart_as(wanted.target_version if status == "success" else self.server.version)

    def _install(self, layout: Layout, fetched: FetchedRelease, tag: str) -> None:
        if self.problem is not None:
            raise self.problem
        assert fetched.wheel.read_bytes() == wheel_of(tag)[fetched.wheel.name]
        layout.remove(tag)
        install_stub(layout, tag, self.flavour)

    def _leave(self) -> None:
        self.left += 1

    def _restart(self) -> None:
        self.restarted += 1


def _tools(owner: Callable[[], Updatable], releases: ReleaseServer) -> UpdateTools:
    settings = ReleaseSettings(api_base=releases.url, repository=REPOSITORY)

    def stage(layout: Layout, fetched: FetchedRelease, tag: str, *, on_phase: Callable[[str], None]) -> None:
        on_phase("build")
        owner()._install(layout, fetched, tag)

    def start_helper(_layout: Layout, pending: Pending) -> None:
        helped = owner().helped
        assert helped is not None
        helped.append(pending)

    return UpdateTools(
        capability=lambda: owner().capability,
        source=GithubSource(settings, Web(pause=lambda _: None)),
        stage=stage,
        smoke=lambda layout, tag: smoke.smoke(layout, tag, layout.data_dir),
        start_helper=start_helper,
        releases=settings,
        apply_wait=timedelta(seconds=60),
    )
