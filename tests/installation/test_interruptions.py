"""Updaters that are killed, and programs that settle what is left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cictl_testing.installs.stub_versions import NEW, OLD, Serving
from cictl_testing.installs.wheels import install_stub
from cictl_testing.processes import DEADLINE_SECONDS, eventually

from cictl.base.clock import utc_now
from cictl.installation import manifest
from cictl.installation.layout import InstallRecord, Layout
from cictl.installation.manifest import Result, Status
from cictl.installation.processes import MAX_STARTS, announced
from cictl.installation.reconcile import begin, reconcile
from cictl.installation.state import back_up

PROGRAM = Path(__file__).with_name("interrupted_updater.py")
STEPS = range(1, 16)
"""A good update has at least so many steps."""
STEPS_BACK = range(8, 44, 8)
"""Some of the steps of one that is taken back; it takes more probes than these."""


def run_updater(layout: Layout, *, killed_at: int, hopeless: bool = False) -> int:
    """Run an updater that kills itself at a step, and return its exit code."""
    command = [sys.executable, str(PROGRAM), str(layout.home), str(layout.data_dir), str(killed_at)]
    if hopeless:
        command.append("hopeless")
    return subprocess.run(command, timeout=DEADLINE_SECONDS, check=False, capture_output=True).returncode


def settled(serving: Serving, result: Result | None) -> str:
    """Check that one version is left, that it serves, and that the result says so; return it."""
    assert result is not None
    version = serving.layout.current()
    assert version is not None
    assert result.status == ("success" if version == NEW else "failed")
    assert manifest.find_active(serving.layout) is None
    serving.wait_for(version)
    assert serving.layout.record(version) is not None
    assert not serving.layout.has_failed(version)
    return version


@pytest.mark.parametrize("step", STEPS)
def test_the_next_updater_goes_on(serving: Serving, step: int) -> None:
    serving.stage()
    assert run_updater(serving.layout, killed_at=step) == -9
    assert run_updater(serving.layout, killed_at=0) == 0
    assert settled(serving, manifest.read_result(serving.layout)) == NEW


@pytest.mark.parametrize("step", STEPS_BACK)
def test_the_next_updater_goes_on_with_the_way_back(serving: Serving, step: int) -> None:
    serving.stage(flavour="crashes")
    run_updater(serving.layout, killed_at=step, hopeless=True)
    run_updater(serving.layout, killed_at=0, hopeless=True)
    assert settled(serving, manifest.read_result(serving.layout)) == OLD


@pytest.mark.parametrize("step", STEPS[1::3])
def test_a_server_that_starts_settles_it(serving: Serving, step: int) -> None:
    serving.stage()
    assert run_updater(serving.layout, killed_at=step) == -9
    restart(serving)
    version = serving.version
    reconcile(serving.layout, version)
    assert settled(serving, manifest.read_result(serving.layout)) == version


def restart(serving: Serving) -> None:
    """End the server, as a reboot would, and wait for the one that follows."""
    current = serving.layout.current() or ""
    assert serving.version
    running = announced(serving.layout)
    assert running is not None
    starts = serving.supervisor.starts
    serving.supervisor.terminate()
    eventually(lambda: serving.supervisor.starts > starts, what="the next start")
    serving.wait_for(current)


@pytest.fixture
def switched(installed: Layout) -> Layout:
    """NEW was switched to as agents do it, and nobody watches it."""
    install_stub(installed, NEW)
    wanted = manifest.new_pending(
        installed, NEW, from_version=OLD, rollback=False, now=utc_now(), lifetime=timedelta(minutes=5)
    )
    manifest.write_applying(installed, wanted)
    installed.switch(NEW)
    return installed


def test_a_version_that_is_healthy_confirms_itself(switched: Layout, states: Callable[[], set[str]]) -> None:
    assert begin(switched, NEW) is None
    outcome = reconcile(switched, NEW)
    assert outcome is not None
    assert (outcome.status, outcome.message) == ("success", f"update successful: {NEW}, confirmed at startup")
    assert (switched.current(), switched.previous(), states()) == (NEW, OLD, {"result.json"})


def test_a_version_that_never_becomes_healthy_is_left(switched: Layout, states: Callable[[], set[str]]) -> None:
    assert [begin(switched, NEW) for _ in range(MAX_STARTS)] == [None] * MAX_STARTS
    outcome = begin(switched, NEW)
    assert outcome is not None
    assert outcome.message == f"update to {NEW} did not start; rolled back to {OLD}"
    assert (switched.current(), switched.previous(), switched.has_failed(NEW)) == (OLD, None, True)
    assert states() == {"result.json", "last-failed.json"}
    assert (begin(switched, OLD), reconcile(switched, OLD)) == (None, None)


def test_the_old_version_gets_its_data_back_before_it_opens_it(switched: Layout) -> None:
    """The updater was killed on its way back, after the link and before the data."""
    state, journal = switched.data_dir / "state.json", switched.data_dir / "state.journal"
    state.write_text('{"_cictl": {"1": {"schema": 1, "sequence": 1, "last_ids": {}}}}')
    backup = back_up(switched.data_dir, switched.backups, name="x", now=utc_now())
    state.write_text('{"_cictl": {"1": {"schema": 2, "sequence": 1, "last_ids": {}}}}')
    journal.touch()
    wanted = manifest.find_applying(switched)
    assert wanted is not None
    manifest.write_applying(switched, msgspec.structs.replace(wanted, step="return", backup=str(backup)))
    switched.switch_back(OLD, previous="")
    assert begin(switched, OLD) is None
    assert ('"schema": 1' in state.read_text(), journal.exists()) == (True, False)
    outcome = reconcile(switched, OLD)
    assert outcome is not None
    assert outcome.message == f"update to {NEW} did not complete"


def test_a_second_server_does_not_take_the_place_of_the_first(serving: Serving) -> None:
    first = announced(serving.layout)
    begin(serving.layout, OLD)
    assert announced(serving.layout) == first
    assert first is not None
    assert first.pid != os.getpid()


def test_starts_are_not_counted_while_an_updater_watches(switched: Layout) -> None:
    with switched.lock():
        assert [begin(switched, NEW) for _ in range(MAX_STARTS + 2)] == [None] * (MAX_STARTS + 2)
        assert reconcile(switched, NEW) is None
    applying = manifest.find_applying(switched)
    assert applying is not None
    assert applying.starts == 0


def test_the_old_version_says_that_the_update_did_not_complete(switched: Layout) -> None:
    outcome = reconcile(switched, OLD)
    assert outcome is not None
    assert (outcome.status, outcome.message) == ("failed", f"update to {NEW} did not complete")
    assert switched.current() == OLD


def test_a_request_waits_until_its_deadline(installed: Layout, states: Callable[[], set[str]]) -> None:
    install_stub(installed, NEW)
    now = utc_now()
    life = timedelta(minutes=5)
    wanted = manifest.new_pending(installed, NEW, from_version=OLD, rollback=False, now=now, lifetime=life)
    manifest.request(installed, wanted)
    just_before = now + life - timedelta(microseconds=1)
    assert manifest.find_active(installed, now=just_before) == wanted
    assert reconcile(installed, OLD, now=just_before) is None
    assert manifest.find_active(installed, now=now + life) is None
    outcome = reconcile(installed, OLD, now=now + life)
    assert outcome is not None
    assert outcome.message == f"update to {NEW} did not complete"
    assert states() == {"last-failed.json", "result.json"}


def test_a_request_may_be_withdrawn(installed: Layout) -> None:
    wanted = manifest.new_pending(
        installed, OLD, from_version=OLD, rollback=False, now=utc_now(), lifetime=timedelta(minutes=5)
    )
    manifest.request(installed, wanted)
    manifest.withdraw(installed)
    assert manifest.find_pending(installed) is None


def test_a_result_without_a_request_is_settled(installed: Layout) -> None:
    wanted = manifest.new_pending(installed, NEW, from_version=OLD, rollback=True, now=utc_now(), lifetime=timedelta())
    manifest.write_result(installed, manifest.result_of(wanted, "staged", "staged", phase="staged", now=utc_now()))
    outcome = reconcile(installed, OLD)
    assert outcome is not None
    assert (outcome.status, outcome.phase, outcome.target, outcome.rollback) == ("failed", "idle", NEW, True)
    assert reconcile(installed, OLD) is None


def test_a_start_clears_away_what_was_interrupted(installed: Layout) -> None:
    (installed.versions / "v9.0.0").mkdir()
    (installed.updates / "smoke-x").mkdir(parents=True)
    assert reconcile(installed, OLD) is None
    assert [path.name for path in installed.versions.iterdir()] == [OLD]
    assert list(installed.updates.iterdir()) == []


@pytest.mark.parametrize(("status", "left"), [("success", set()), ("failed", {"last-failed.json"})])
def test_a_request_whose_end_is_told_is_only_forgotten(
    installed: Layout, states: Callable[[], set[str]], status: Status, left: set[str]
) -> None:
    """Its updater was killed just then; what it told stands, and hinders no other update."""
    now = utc_now()
    wanted = manifest.new_pending(
        installed, NEW, from_version=OLD, rollback=False, now=now, lifetime=timedelta(minutes=5)
    )
    manifest.write_applying(installed, wanted)
    earlier = manifest.result_of(wanted, status, "before", phase="idle", now=now - timedelta(seconds=1))
    manifest.write_result(installed, earlier)
    assert manifest.find_active(installed, now=now) == wanted
    end = manifest.result_of(wanted, status, "the end", phase="idle", now=now)
    manifest.write_result(installed, end)
    assert manifest.find_active(installed, now=now) is None
    assert reconcile(installed, OLD, now=now) is None
    assert (manifest.read_result(installed), states()) == (end, left | {"result.json"})


def test_a_version_that_was_damaged_while_the_updater_was_away_does_not_stay(serving: Serving) -> None:
    wanted = serving.stage()
    assert manifest.claim(serving.layout)
    serving.layout.switch(NEW)
    serving.layout.write_record(msgspec.structs.replace(_record(serving.layout), sha256="0" * 64))
    message = serving.apply().message
    problem = f"{NEW} is not as it was staged"
    assert message == f"update to {NEW} was broken off: {problem}; rolled back to {OLD}"
    assert (serving.layout.current(), wanted.from_version) == (OLD, OLD)
    serving.wait_for(OLD)


def _record(layout: Layout) -> InstallRecord:
    record = layout.record(NEW)
    assert record is not None
    return record
