"""The updater with real processes: the switch, and every way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cictl_testing.installs.stub_versions import NEW, OLD, Serving

from cictl.installation import manifest
from cictl.installation.activation import HEALTH_SECONDS, apply_staged_update
from cictl.installation.health import HealthyServer, probe
from cictl.installation.layout import Layout
from cictl.installation.processes import MAX_STARTS, ServiceManager, announced


def write_state(layout: Layout, schema: int = 1, note: str = "") -> Path:
    state = layout.data_dir / "state.json"
    state.write_text(json.dumps({"_cictl": {"1": {"schema": schema, "sequence": 1, "last_ids": {}, "note": note}}}))
    return state


def test_a_good_version_takes_over(serving: Serving, states: Callable[[], set[str]]) -> None:
    serving.stage()
    result = serving.apply()
    assert (result.status, result.message) == ("success", f"update successful: {NEW}")
    assert serving.version == NEW
    assert (serving.layout.current(), serving.layout.previous()) == (NEW, OLD)
    assert states() == {"result.json"}


def test_nothing_wanted_is_nothing_done(serving: Serving) -> None:
    assert apply_staged_update(serving.layout) is None
    assert (serving.version, serving.supervisor.starts) == (OLD, 1)


@pytest.mark.parametrize("flavour", ["crashes", "wrong-version"])
def test_a_version_that_is_not_healthy_is_left_again(
    serving: Serving, states: Callable[[], set[str]], flavour: str
) -> None:
    serving.stage(flavour=flavour)
    result = serving.apply(hopeless=(NEW,))
    assert result.message == f"update to {NEW} failed health check; rolled back to {OLD}"
    assert (result.status, serving.version) == ("failed", OLD)
    assert (serving.layout.current(), serving.layout.previous()) == (OLD, None)
    assert serving.layout.has_failed(NEW)
    assert states() == {"result.json", "last-failed.json"}


def test_a_version_that_only_crashes_is_not_waited_for(serving: Serving) -> None:
    serving.stage(flavour="crashes")
    result = serving.apply()
    assert result.message == f"update to {NEW} failed health check; rolled back to {OLD}"
    starts = (serving.layout.data_dir / "starts.log").read_text().split()
    assert starts.count(NEW) > MAX_STARTS
    assert serving.patience.seconds < HEALTH_SECONDS


class Overlooking(ServiceManager):
    """Its first *blind* stops find no server: the one that runs has not told of itself yet."""

    def __init__(self, layout: Layout, *, blind: int) -> None:
        super().__init__(layout)
        self.blind = blind

    def stop(self) -> None:
        self.blind -= 1
        if self.blind < 0:
            super().stop()


def test_a_server_that_started_during_the_switch_is_ended(serving: Serving) -> None:
    serving.stage()
    assert serving.apply(host=Overlooking(serving.layout, blind=1)).status == "success"
    assert (serving.version, serving.supervisor.starts) == (NEW, 2)


def test_a_server_that_started_on_the_way_back_is_ended(serving: Serving) -> None:
    serving.stage()
    late = Overlooking(serving.layout, blind=0)

    def never_the_new(url: str) -> HealthyServer | None:
        if serving.layout.current() == NEW:
            late.blind = 1
            return None
        return probe(url)

    result = serving.apply(hopeless=(NEW,), prober=never_the_new, host=late)
    assert result.message == f"update to {NEW} failed health check; rolled back to {OLD}"
    assert (serving.version, serving.supervisor.starts) == (OLD, 3)


def test_going_back_names_the_previous_version_again(serving: Serving) -> None:
    serving.stage()
    serving.apply()
    serving.stage("v1.2.0", "crashes")
    serving.apply(hopeless=("v1.2.0",))
    assert (serving.layout.current(), serving.layout.previous()) == (NEW, OLD)
    assert serving.version == NEW


def test_the_state_is_restored_when_the_old_version_cannot_open_it(serving: Serving) -> None:
    state = write_state(serving.layout, note="before")
    serving.stage(flavour="migrates")
    result = serving.apply(hopeless=(NEW,))
    assert (result.status, serving.version) == ("failed", OLD)
    assert result.message.endswith(f"rolled back to {OLD}; the data is that of before the switch again")
    assert "before" in state.read_text()


def test_a_state_that_cannot_be_restored_is_told(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(serving.layout, note="before")
    serving.stage(flavour="migrates")
    monkeypatch.setattr("cictl.installation.state.restore", lambda *_, **__: (_ for _ in ()).throw(OSError("full")))
    message = serving.apply(hopeless=(OLD, NEW)).message
    [backup] = serving.layout.backups.iterdir()
    assert f"; the data of before is not restored, it is in {backup}; rollback also failed" in message


def test_the_state_is_kept_when_the_old_version_can_open_it(serving: Serving) -> None:
    write_state(serving.layout, note="before")
    serving.stage(flavour="wrong-version")

    def write_and_answer(url: str) -> HealthyServer | None:
        if serving.layout.current() == NEW:
            write_state(serving.layout, note="written since")
        return probe(url)

    serving.apply(hopeless=(NEW,), prober=write_and_answer)
    assert "written since" in (serving.layout.data_dir / "state.json").read_text()


def test_both_versions_unhealthy_needs_a_person(serving: Serving) -> None:
    serving.stage(flavour="crashes")
    result = serving.apply(hopeless=(OLD, NEW), prober=lambda _: None)
    assert result.message.endswith("; rollback also failed, manual action needed")
    assert serving.layout.current() == OLD


def test_a_changed_version_is_not_applied(serving: Serving, states: Callable[[], set[str]]) -> None:
    wanted = serving.stage()
    record = serving.layout.record(NEW)
    assert record is not None
    serving.layout.write_record(msgspec.structs.replace(record, sha256="0" * 64))
    result = serving.apply()
    assert result.message == f"update to {NEW} not applied: {NEW} is not as it was staged"
    assert (serving.version, serving.supervisor.starts, wanted.target_version) == (OLD, 1, NEW)
    assert states() == {"result.json", "last-failed.json"}


def test_a_request_from_another_version_is_not_applied(serving: Serving) -> None:
    serving.stage()
    serving.layout.switch(NEW)
    serving.stage("v1.2.0")
    serving.layout.switch_back(OLD, previous="")
    result = serving.apply()
    assert result.message == f"update to v1.2.0 not applied: {NEW} is not current any more"


def test_a_request_that_nobody_understands_is_put_aside(installed: Layout, states: Callable[[], set[str]]) -> None:
    installed.updates.mkdir()
    (installed.updates / "pending.json").write_text("{")
    assert apply_staged_update(installed) is None
    assert states() == {"last-failed.json"}


def test_three_backups_are_kept(serving: Serving) -> None:
    for minor in range(1, 6):
        serving.stage(f"v1.{minor}.0")
        result = serving.apply()
        assert result.status == "success"
    names = [path.name.partition("-")[2] for path in sorted(serving.layout.backups.iterdir())]
    assert names == ["v1.2.0-to-v1.3.0", "v1.3.0-to-v1.4.0", "v1.4.0-to-v1.5.0"]
    assert sorted(path.name for path in serving.layout.versions.iterdir()) == ["v1.3.0", "v1.4.0", "v1.5.0"]


def test_a_server_that_ignores_the_signal_is_killed(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.SIGTERM", 0)
    before = announced(serving.layout)
    serving.stage()
    result = serving.apply(stop_seconds=0.5)
    assert (result.status, before is not None and before.is_alive) == ("success", False)


def test_a_result_is_readable_at_each_phase(serving: Serving) -> None:
    seen: list[tuple[str, str]] = []

    def look(_: str) -> None:
        result = manifest.read_result(serving.layout)
        assert result is not None
        seen.append((result.status, result.phase))

    serving.stage()
    serving.apply(hopeless=(OLD, NEW), prober=look)
    assert list(dict.fromkeys(seen)) == [("running", "health"), ("running", "rollback")]
