"""The updater where no service manager is: it starts the servers itself."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from cictl_testing.installs.answering import version_at
from cictl_testing.installs.stub_versions import NEW, OLD
from cictl_testing.installs.wheels import install_stub
from cictl_testing.ports import free_port
from cictl_testing.processes import eventually

from cictl.base.clock import utc_now
from cictl.installation import manifest, processes
from cictl.installation.activation import Means, apply_staged_update
from cictl.installation.health import probe
from cictl.installation.layout import Layout
from cictl.installation.manifest import Result
from cictl.installation.processes import STOP_SECONDS, OwnChild, announced


class ByHand:
    """OLD was started by hand, and has asked for NEW."""

    def __init__(self, layout: Layout, flavour: str) -> None:
        self.layout = layout
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.arguments = ["serve", "--port", str(port), "--data-dir", str(layout.data_dir)]
        self.server = subprocess.Popen([layout.current_script, *self.arguments], stdin=subprocess.DEVNULL)
        eventually(lambda: probe(self.url), what="the server")
        install_stub(layout, NEW, flavour)
        self.host = OwnChild(layout, self.arguments)
        wanted = manifest.new_pending(
            layout,
            NEW,
            from_version=OLD,
            rollback=False,
            now=utc_now(),
            lifetime=timedelta(minutes=5),
            health_url=self.url,
            argv=self.arguments,
            pid=self.server.pid,
        )
        manifest.request(layout, wanted)

    def apply(self, *, stop_seconds: float = STOP_SECONDS) -> Result:
        means = Means(host=self.host, stop_seconds=stop_seconds, sleep=lambda seconds: time.sleep(min(seconds, 0.05)))
        result = apply_staged_update(self.layout, means)
        assert result is not None
        return result

    @property
    def version(self) -> str:
        return version_at(self.url)

    def close(self) -> None:
        self.server.kill()
        self.server.wait()
        self.host.stop()


@pytest.fixture
def by_hand(request: pytest.FixtureRequest, installed: Layout) -> Iterator[ByHand]:
    made = ByHand(installed, request.param)
    yield made
    made.close()


@pytest.mark.parametrize("by_hand", ["good"], indirect=True)
def test_the_helper_waits_for_the_old_server_and_starts_the_new_one(by_hand: ByHand) -> None:
    by_hand.server.terminate()
    assert by_hand.apply().status == "success"
    running = announced(by_hand.layout)
    assert running is not None
    assert (by_hand.version, running.pid == by_hand.server.pid) == (NEW, False)


@pytest.mark.parametrize("by_hand", ["good"], indirect=True)
def test_a_server_that_has_ended_is_not_waited_for(by_hand: ByHand) -> None:
    """Nobody has asked after it yet, so the system still knows its id."""
    by_hand.server.kill()
    eventually(lambda: processes.find(by_hand.server.pid) is None, what="its end")
    os.kill(by_hand.server.pid, 0)
    assert by_hand.apply(stop_seconds=600.0).status == "success"


@pytest.mark.parametrize("by_hand", ["good"], indirect=True)
def test_a_server_that_does_not_end_is_ended(by_hand: ByHand) -> None:
    assert by_hand.apply(stop_seconds=0.2).status == "success"
    assert by_hand.version == NEW


@pytest.mark.parametrize("by_hand", ["crashes"], indirect=True)
def test_a_server_that_ends_is_not_waited_for(by_hand: ByHand) -> None:
    by_hand.server.terminate()
    result = by_hand.apply()
    assert result.message == f"update to {NEW} failed health check; rolled back to {OLD}"
    assert (by_hand.version, by_hand.layout.current()) == (OLD, OLD)
    assert (by_hand.layout.data_dir / "starts.log").read_text().split() == [OLD, NEW, OLD]


@pytest.mark.parametrize("by_hand", ["good"], indirect=True)
def test_what_is_not_applied_leaves_the_old_version_serving(by_hand: ByHand) -> None:
    by_hand.layout.mark_failed(NEW)
    by_hand.server.terminate()
    assert by_hand.apply().message == f"update to {NEW} not applied: {NEW} is not as it was staged"
    eventually(lambda: by_hand.version == OLD, what="the old version")
