"""`cictl store`: check, backup, restore, compact and export, on data that a real server wrote or is writing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cictl_testing
import pytest
from cictl_testing.processes import Workplace, eventually
from cictl_testing.server import RunningServer
from cictl_testing.stores.records import make_job, make_project
from cictl_testing.stores.writer import KEPT

from cictl.base.names.artifact_paths import link_entry
from cictl.cli.app.exit_codes import ExitCode
from cictl_server.store.contract import Transaction
from cictl_server.store.records.settings import SettingRecord
from cictl_server.store.tiny.store import TinyStore
from tests.cli.conftest import Run

OUTPUT = b"compiled\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of a stopped server with one finished job, its log, an artifact and a link to it."""
    directory = tmp_path / "data"
    server = RunningServer(directory)
    server.define("[{id: compile, timeout_seconds: 60, steps: [{run: make}]}]")
    server.enqueue()
    job = server.running()
    with zipfile.ZipFile(upload := io.BytesIO(), "w") as archive:
        archive.writestr("out/app", b"app")
        archive.writestr(link_entry("out/latest"), "app")
    path = f"/api/v1/jobs/{job.id}/artifacts/upload-zip?agent_id=a"
    assert server.http.simulate_post(path, body=upload.getvalue()).status_code == 200
    server.report(job.id, "succeeded", output=OUTPUT.decode())
    server.close()
    monkeypatch.setenv("CICTL_DATA_DIR", str(directory))
    return directory


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """A process that writes to `busy` and compacts all the time."""
    load = Load(tmp_path / "busy", tmp_path / "acknowledged")
    yield load
    load.stop()


class Load:
    def __init__(self, directory: Path, acknowledged: Path) -> None:
        self.directory = directory
        self._acknowledged = acknowledged
        support = str(Path(cictl_testing.__file__).parent.parent)
        with acknowledged.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cictl_testing.stores.writer", str(directory)],
                stdout=out,
                env={**os.environ, "PYTHONPATH": support},
            )

    @property
    def last(self) -> int:
        """The highest number whose commit is known to have returned."""
        whole = self._acknowledged.read_bytes().rpartition(b"\n")[0].split()
        return max(map(int, whole), default=0)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def files_of(directory: Path) -> dict[str, bytes]:
    """Everything but the lock file, by path."""
    paths = [path for path in directory.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def spoil(data: Path) -> None:
    (data / "state.json").write_bytes((data / "state.json").read_bytes()[:-40])


def test_sound_data_is_0_with_counts(run: Run, data: Path) -> None:
    ran = run("store", "check", "-o", "json")
    assert (ran.code, ran.json()["sound"]) == (ExitCode.OK, True)
    assert ran.json()["records"]["jobs"] == ran.json()["jobs"]["succeeded"] == 1
    table = run("store", "check")
    assert "sound" in table.out
    assert "1 succeeded" in table.out
    kept = ran.json()["kept_bytes"]
    assert kept["logs"] == sum(path.stat().st_size for path in (data / "logs").glob("*.log")) > 0
    assert kept["artifacts"] == sum(p.stat().st_size for p in (data / "artifacts").rglob("*") if p.is_file())


def test_files_that_no_record_names_are_counted_and_harm_nothing(run: Run, data: Path) -> None:
    for name in ("artifacts/job-7/1/old", "reports/job-7/1/old", "artifacts/job-7/1/young"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(b"12345")
        if name.endswith("old"):
            os.utime(data / name, (0, 0))
    ran = run("store", "check", "-o", "json")
    assert (ran.code, ran.json()["dangling_files"], ran.json()["dangling_bytes"]) == (ExitCode.OK, 2, 10)
    assert "2 files, 10 B" in run("store", "check").out


def test_files_in_another_directory_are_looked_at_there(run: Run, data: Path, tmp_path: Path) -> None:
    (data / "artifacts").replace(tmp_path / "artifacts")
    ran = run("store", "check", "-o", "json")
    assert (ran.code, ran.json()["problems"][0].partition(" of ")[0].split()[0]) == (ExitCode.ERROR, "artifact")
    assert run("store", "check", "--files", str(tmp_path)).code == ExitCode.OK


def test_a_check_changes_nothing(run: Run, data: Path) -> None:
    before = files_of(data)
    assert run("store", "check").code == ExitCode.OK
    assert files_of(data) == before


def test_a_torn_end_is_told_and_is_sound(run: Run, data: Path) -> None:
    (data / "state.journal").write_bytes(b"0123abcd [17,")
    ran = run("store", "check", "-o", "json")
    assert (ran.code, ran.json()["torn_bytes"]) == (ExitCode.OK, 13)
    assert (data / "state.journal").stat().st_size == 13


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("logs/*.log", "the log of job-", id="log"),
        pytest.param("artifacts/*/*/out/app", "artifact out/app of job-", id="artifact"),
    ],
)
def test_files_that_are_gone_are_found(run: Run, data: Path, name: str, problem: str) -> None:
    [path] = data.glob(name)
    path.unlink()
    ran = run("store", "check")
    assert ran.code == ExitCode.ERROR
    assert problem in ran.err
    assert " has 0 of " in ran.err


def test_damaged_data_is_1_and_names_the_file(run: Run, data: Path) -> None:
    spoil(data)
    ran = run("store", "check", "-o", "json")
    assert (ran.code, ran.json()["sound"]) == (ExitCode.ERROR, False)
    assert ran.json()["problems"][0].startswith(f"{data}/state.json is damaged: ")
    assert "cictl store restore" in ran.err


@pytest.mark.parametrize("command", ["check", "export", "compact", "backup"])
def test_no_data_is_5(run: Run, tmp_path: Path, command: str) -> None:
    argv = ["store", command, *([str(tmp_path / "b")] if command == "backup" else [])]
    ran = run(*argv, "--data-dir", str(tmp_path / "nothing"), "-o", "json")
    assert (ran.code, ran.error()["code"]) == (ExitCode.NOT_FOUND, "not_found")
    assert list(tmp_path.glob("[bn]*")) == []


def test_a_backup_is_everything_and_can_be_served(run: Run, data: Path, tmp_path: Path) -> None:
    ran = run("store", "backup", str(tmp_path / "backup"))
    assert ran.code == ExitCode.OK
    assert ran.err.startswith(f"backed up {data} to {tmp_path}/backup: ")
    assert files_of(tmp_path / "backup") == files_of(data)
    served = RunningServer(tmp_path / "backup")
    [job] = served.get("/api/v1/jobs").json["job_executions"]
    assert served.log(job["id"]) == OUTPUT
    served.close()


def test_a_backup_never_overwrites(run: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine").touch()
    assert run("store", "backup", str(tmp_path / "backup")).code == ExitCode.CONFLICT
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["mine"]


def test_a_backup_inside_the_data_is_refused(run: Run, data: Path) -> None:
    before = files_of(data)
    assert run("store", "backup", str(data / "backup")).code == ExitCode.USAGE
    assert files_of(data) == before


def test_damaged_data_is_not_backed_up(run: Run, data: Path, tmp_path: Path) -> None:
    spoil(data)
    assert run("store", "backup", str(tmp_path / "backup")).code == ExitCode.ERROR
    assert list(tmp_path.glob("*backup*")) == []


def test_backups_under_load_hold_what_was_acknowledged(run: Run, load: Load, tmp_path: Path) -> None:
    """The writer keeps the last numbers in two tables: a torn copy would have a gap, or differ between them."""
    eventually(lambda: load.last > KEPT, what="the writer")
    for turn in range(12):
        before = load.last
        backup = tmp_path / f"backup-{turn}"
        ran = run("store", "backup", str(backup), "--data-dir", str(load.directory))
        assert ran.code == ExitCode.OK, ran.err
        with TinyStore.open(backup) as store, store.read() as view:
            last = view.jobs.last_number()
            expected = list(range(last - KEPT + 1, last + 1))
            assert [job.number for job in view.jobs.iter_all()] == expected
            assert [artifacts.number for artifacts in view.artifacts.iter_all()] == expected
        assert last >= before
        assert run("store", "check", "--data-dir", str(load.directory)).code == ExitCode.OK


def test_restore_brings_back_the_backup_and_keeps_the_rest(run: Run, data: Path, tmp_path: Path) -> None:
    run("store", "backup", str(tmp_path / "backup"))
    good = files_of(data)
    spoil(data)
    spoilt = files_of(data)
    ran = run("store", "restore", str(tmp_path / "backup"), "--yes")
    assert ran.code == ExitCode.OK, ran.err
    [kept] = data.glob("replaced-*")
    assert str(kept) in ran.err
    assert files_of(kept) == spoilt
    assert {name: content for name, content in files_of(data).items() if not name.startswith("replaced-")} == good
    assert run("store", "check").code == ExitCode.OK


def test_the_key_of_secrets_is_in_no_backup_and_stays_at_a_restore(run: Run, data: Path, tmp_path: Path) -> None:
    key = data / "secrets.key"
    key.write_text("hunter2\n")
    run("store", "backup", str(tmp_path / "backup"))
    assert not list((tmp_path / "backup").rglob("*secrets.key*"))
    (tmp_path / "backup" / "secrets.key").write_text("somebody else's\n")
    assert run("store", "restore", str(tmp_path / "backup"), "--yes").code == ExitCode.OK
    assert key.read_text() == "hunter2\n"


def test_restore_into_an_empty_place_moves_a_server(run: Run, data: Path, tmp_path: Path) -> None:
    run("store", "backup", str(tmp_path / "backup"))
    ran = run("store", "restore", str(tmp_path / "backup"), "--yes", "--data-dir", str(tmp_path / "new" / "data"))
    assert ran.code == ExitCode.OK, ran.err
    assert files_of(tmp_path / "new" / "data") == files_of(data)


def test_restore_asks_first(run: Run, data: Path, tmp_path: Path) -> None:
    run("store", "backup", str(tmp_path / "backup"))
    before = files_of(data)
    assert run("store", "restore", str(tmp_path / "backup")).code == ExitCode.USAGE
    assert files_of(data) == before


def test_a_damaged_backup_replaces_nothing(run: Run, data: Path, tmp_path: Path) -> None:
    run("store", "backup", str(tmp_path / "backup"))
    spoil(tmp_path / "backup")
    before = files_of(data)
    ran = run("store", "restore", str(tmp_path / "backup"), "--yes")
    assert ran.code == ExitCode.ERROR
    assert f"{tmp_path}/backup/state.json is damaged" in ran.err
    assert files_of(data) == before


def test_whatever_comes_of_a_restore_by_root_the_data_stay_their_owners(
    run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, user, group, **_: given.update({Path(path).name: (user, group)}))
    run("store", "backup", str(tmp_path / "backup"))
    spoil(tmp_path / "backup")
    (data / "lock").unlink()
    assert run("store", "restore", str(tmp_path / "backup"), "--yes").code == ExitCode.ERROR
    assert given["lock"] == (data.stat().st_uid, data.stat().st_gid)


def test_data_whose_restore_was_interrupted_is_refused_until_it_is_repeated(
    run: Run, data: Path, tmp_path: Path
) -> None:
    run("store", "backup", str(tmp_path / "backup"))
    (data / "restoring").touch()
    (data / "state.json").unlink()
    ran = run("store", "compact")
    assert (ran.code, "restoring a backup was interrupted" in ran.err) == (ExitCode.ERROR, True)
    assert run("store", "restore", str(tmp_path / "backup"), "--yes").code == ExitCode.OK
    assert run("store", "check").code == ExitCode.OK


@pytest.mark.parametrize("argv", [("compact",), ("restore", "BACKUP", "--yes")], ids=lambda argv: argv[0])
def test_a_running_server_is_not_worked_under(
    run: Run, server: RunningServer, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    backup = str(tmp_path / "backup")
    data = ("--data-dir", str(tmp_path / "data"))
    assert run("store", "backup", backup, *data).code == ExitCode.OK
    ran = run("store", *(backup if word == "BACKUP" else word for word in argv), *data)
    assert ran.code == ExitCode.CONFLICT
    assert "in use by another server" in ran.err


@pytest.mark.parametrize("argv", [("compact",), ("restore", "anywhere", "--yes")], ids=lambda argv: argv[0])
def test_readonly_refuses_changes(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]) -> None:
    monkeypatch.setenv("CICTL_READONLY", "1")
    assert run("store", *argv).code == ExitCode.NOT_ALLOWED


def test_compact_empties_the_journal(run: Run, tmp_path: Path) -> None:
    workplace = Workplace(tmp_path)
    workplace.ok("api", "POST", "heartbeat", "-d", "agent_id=a", "-d", "os=linux", "-d", "arch=amd64")
    workplace.server.kill()
    workplace.close()
    assert (tmp_path / "data" / "state.journal").stat().st_size > 0
    ran = run("store", "compact", "--data-dir", str(tmp_path / "data"))
    assert ran.code == ExitCode.OK, ran.err
    assert (tmp_path / "data" / "state.journal").stat().st_size == 0
    assert run("store", "check", "--data-dir", str(tmp_path / "data"), "-o", "json").json()["records"]["agents"] == 1


def test_export_has_every_record_and_no_secret(run: Run, tmp_path: Path) -> None:
    def change(tx: Transaction) -> None:
        tx.jobs.put(make_job(1, env={"DEPLOY_KEY": "hunter2"}))
        tx.projects.put(make_project(1))
        tx.settings.put(SettingRecord(key="mirror", value="https://me:hunter2@git.example.test:8443/a@b"))

    with TinyStore.open(tmp_path) as store:
        store.write(change)
    ran = run("store", "export", "--data-dir", str(tmp_path))
    tables = ran.json()["tables"]
    assert tables["jobs"][0]["env"] == {"DEPLOY_KEY": "***"}
    assert tables["settings"][0]["value"] == "https://***@git.example.test:8443/a@b"
    assert tables["projects"][0]["repo_url"] == "https://git.example.test/shop.git"
    assert "hunter2" not in ran.out
