"""`cictl store backup` and `restore` with folders that somebody else filled: what is no plain file is never read through."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl.cli.app.exit_codes import ExitCode
from cictl_server.store.contract import Transaction
from cictl_server.store.records.artifacts import ArtifactEntry, ArtifactsRecord
from cictl_server.store.tiny.store import TinyStore
from tests.cli.conftest import Run

SECRET = "root:hunter2"

Make = Callable[[Path, Path], None]
"""Makes something at the first place that stands for the file at the second, if it stands for one."""


class Backup:
    """A backup with one finished job that has a log and an artifact, and a file elsewhere that nobody may get through it."""

    def __init__(self, directory: Path, run: Run) -> None:
        self.outside = directory / "outside"
        self.outside.mkdir()
        (self.outside / "shadow").write_text(SECRET)
        self.data = directory / "data"
        server = RunningServer(self.data)
        server.enqueue()
        self.job_id = server.running().id
        upload = {"agent_id": "a", "artifacts": [{"path": "out/app", "data_base64": "YXBw"}]}
        assert server.post(f"/api/v1/jobs/{self.job_id}/artifacts", upload).status_code == 200
        server.report(self.job_id, "succeeded", output="compiled\n")
        server.close()
        self.folder = directory / "backup"
        assert run("store", "backup", str(self.folder), "--data-dir", str(self.data)).code == ExitCode.OK

    @property
    def artifact(self) -> Path:
        return next(self.folder.glob("artifacts/*/*/out/app"))

    def add_entry(self, path: str, *, link: str = "") -> None:
        """Name a file that was never uploaded in the record of the job's artifacts."""
        number = int(self.job_id.removeprefix("job-"))

        def change(tx: Transaction) -> None:
            record = tx.artifacts.find(number)
            assert record is not None
            entry = ArtifactEntry(path=path, size_bytes=len(SECRET), link=link)
            tx.artifacts.put(
                ArtifactsRecord(number=number, generation=record.generation, entries=[*record.entries, entry])
            )

        with TinyStore.open(self.folder) as store:
            store.write(change)


@pytest.fixture
def backup(tmp_path: Path, run: Run) -> Backup:
    return Backup(tmp_path, run)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "restored"


def contents(directory: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file())


def replaced(path: Path) -> Path:
    path.unlink()
    return path


def make_hard_link(path: Path, target: Path) -> None:
    path.hardlink_to(target)


def make_link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def make_socket(path: Path, _: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def make_pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


KINDS = pytest.mark.parametrize(
    ("make", "what"),
    [
        pytest.param(make_link, "a link", id="link"),
        pytest.param(make_hard_link, "a file with several names", id="hard-link"),
        pytest.param(make_pipe, "a pipe", id="pipe"),
        pytest.param(make_socket, "a socket", id="socket"),
    ],
)


@KINDS
def test_a_restore_leaves_out_what_is_no_plain_file_and_says_so(
    run: Run, backup: Backup, target: Path, make: Make, what: str
) -> None:
    make(replaced(backup.artifact), backup.outside / "shadow")
    ran = run("store", "restore", str(backup.folder), "--data-dir", str(target), "--yes")
    assert ran.code == ExitCode.OK, ran.err
    assert f"warning: left out: {backup.artifact.relative_to(backup.folder)} is {what}" in ran.err
    assert SECRET not in contents(target)
    assert not [path for path in target.rglob("*") if path.is_symlink()]


@KINDS
def test_a_backup_leaves_it_out_too(run: Run, backup: Backup, target: Path, make: Make, what: str) -> None:
    make(replaced(backup.artifact), backup.outside / "shadow")
    ran = run("store", "backup", str(target), "--data-dir", str(backup.folder), "-o", "json")
    [text] = ran.json()["left_out"]
    assert what in text
    assert SECRET not in contents(target)


def test_a_link_at_the_top_brings_no_other_folder_along(run: Run, backup: Backup, target: Path) -> None:
    (backup.folder / "icons-of-mine").symlink_to(backup.outside)
    ran = run("store", "restore", str(backup.folder), "--data-dir", str(target), "--yes")
    assert "warning: left out: icons-of-mine is a link" in ran.err
    assert SECRET not in contents(target)


@pytest.mark.parametrize("name", ["state.json", "state.journal"])
@KINDS
def test_a_state_that_is_no_plain_file_is_refused(
    run: Run, backup: Backup, target: Path, name: str, make: Make, what: str
) -> None:
    state = backup.folder / name
    state.rename(backup.outside / name)
    make(state, backup.outside / name)
    ran = run("store", "restore", str(backup.folder), "--data-dir", str(target), "--yes")
    assert (ran.code, f"{name} is damaged: it is {what}" in ran.err) == (ExitCode.ERROR, True), ran.err
    assert run("store", "check", "--data-dir", str(backup.folder)).code == ExitCode.ERROR


def test_folders_of_endless_depth_are_cut(run: Run, backup: Backup, target: Path) -> None:
    deep = backup.folder / "deep"
    deep.joinpath(*["d"] * 90).mkdir(parents=True)
    ran = run("store", "restore", str(backup.folder), "--data-dir", str(target), "--yes")
    assert ran.code == ExitCode.OK, ran.err
    assert "lies too deep" in ran.err


def test_an_artifact_whose_folder_is_called_like_an_upload_is_kept(run: Run, backup: Backup, target: Path) -> None:
    folder = backup.artifact.parent / "upload-tools"
    folder.mkdir()
    (folder / "x").write_text("kept")
    run("store", "restore", str(backup.folder), "--data-dir", str(target), "--yes")
    assert "kept" in contents(target)


@pytest.mark.parametrize("path", ["ABSOLUTE", "../../../../outside/shadow", "out/../../../../../outside/shadow"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_record_can_not_name_files_elsewhere(run: Run, backup: Backup, target: Path, path: str, kind: str) -> None:
    path = path.replace("ABSOLUTE", str(backup.outside / "shadow"))
    backup.add_entry(path)
    if kind == "link":
        backup.add_entry("innocent", link=path)
    told = f"artifact {path!r} of {backup.job_id} leads out of its folder"
    check = run("store", "check", "--data-dir", str(backup.folder))
    assert (check.code, told in check.err) == (ExitCode.ERROR, True)
    assert told in run("store", "restore", str(backup.folder), "--data-dir", str(target), "--yes").err
    assert SECRET not in handed_out(target, backup.job_id, "innocent" if kind == "link" else path)


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_link_that_came_by_hand_is_not_read_through(run: Run, backup: Backup, place: str) -> None:
    """The folder is served as it is: a backup is a data directory."""
    if place == "file":
        replaced(backup.artifact).symlink_to(backup.outside / "shadow")
        name = "out/app"
    else:
        backup.artifact.parent.joinpath("elsewhere").symlink_to(backup.outside)
        name = "out/elsewhere/shadow"
        backup.add_entry(name)
    assert SECRET not in handed_out(backup.folder, backup.job_id, name)


def handed_out(data: Path, job_id: str, path: str) -> str:
    """Return all that a server of *data* answers when asked for the artifact *path*, alone and within a zip."""
    server = RunningServer(data)
    try:
        single = server.get(f"/artifacts/{job_id}/{path}")
        every = server.get(f"/api/v1/jobs/{job_id}/artifacts/download-all", params={"links": "true"})
        assert (single.status_code, every.status_code) == (404, 200)
        return single.text + every.content.decode(errors="replace")
    finally:
        server.close()


def test_logs_reports_and_icons_are_not_read_or_written_through_links(backup: Backup) -> None:
    data, secret = backup.data, backup.outside / "shadow"
    for name in (
        f"logs/{backup.job_id}.log",
        f"logs/{backup.job_id}.index",
        f"reports/{backup.job_id}/test-report.json",
    ):
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(secret)
    server = RunningServer(data)
    [project] = server.get("/api/v1/projects").json["projects"]
    (data / "icons").mkdir()
    (data / "icons" / f"project-{project['id']}").symlink_to(secret)
    answers = [
        server.get(f"/api/v1/jobs/{backup.job_id}/log"),
        server.get(f"/api/v1/jobs/{backup.job_id}/steps"),
        server.get(f"/api/v1/jobs/{backup.job_id}/tests"),
        server.get(f"/api/v1/jobs/{backup.job_id}"),
        server.get(f"/api/v1/projects/{project['id']}/icon"),
    ]
    other = server.enqueue()
    (data / "logs" / f"{other}.log").symlink_to(secret)
    running = server.leased()
    server.report(running.id, "running", output="overwritten\n")
    server.close()
    assert running.id == other
    assert all(SECRET not in answer.text for answer in answers)
    assert secret.read_text() == SECRET


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    return path


@pytest.fixture
def signed(run: Run, backup: Backup, tmp_path: Path, key: Path) -> Path:
    """A backup that is signed with *key*."""
    folder = tmp_path / "signed"
    ran = run("store", "backup", str(folder), "--data-dir", str(backup.data), "--key-file", str(key))
    assert ran.code == ExitCode.OK, ran.err
    return folder


def test_a_signed_backup_is_restored_with_its_key_and_without(run: Run, signed: Path, target: Path, key: Path) -> None:
    for options in (["--key-file", str(key)], []):
        ran = run("store", "restore", str(signed), "--data-dir", str(target), "--yes", *options)
        assert ran.code == ExitCode.OK, ran.err
    assert "compiled" in contents(target / "logs")
    assert run("store", "check", "--data-dir", str(target)).code == ExitCode.OK


def change_a_log(folder: Path) -> None:
    next(folder.glob("logs/*.log")).write_text("compilef\n")


def change_the_state(folder: Path) -> None:
    def change(tx: Transaction) -> None:
        [job] = tx.jobs.iter_all()
        tx.jobs.delete(job.number)

    with TinyStore.open(folder) as store:
        store.write(change)


def add_a_file(folder: Path) -> None:
    (folder / "icons").mkdir()
    (folder / "icons" / "project-1").write_text("more")


def remove_a_log(folder: Path) -> None:
    next(folder.glob("logs/*.log")).unlink()


def list_another_digest(folder: Path) -> None:
    seal = folder / "backup.signature"
    seal.write_text(seal.read_text().replace('"logs/', '"lags/'))


def take_the_signature_away(folder: Path) -> None:
    (folder / "backup.signature").unlink()


@pytest.mark.parametrize(
    "tamper",
    [change_a_log, change_the_state, add_a_file, remove_a_log, list_another_digest, take_the_signature_away],
    ids=lambda tamper: tamper.__name__,
)
def test_a_signed_backup_that_was_changed_is_refused(
    run: Run, signed: Path, target: Path, key: Path, tamper: Callable[[Path], None]
) -> None:
    tamper(signed)
    ran = run("store", "restore", str(signed), "--data-dir", str(target), "--yes", "--key-file", str(key))
    assert ran.code == ExitCode.USAGE, ran.err
    assert contents(target) == ""


def test_another_key_and_a_short_one_are_refused(run: Run, signed: Path, target: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for content, told in (("f" * 32, "is not of this key"), ("short", "a key needs 16")):
        other.write_text(content)
        ran = run("store", "restore", str(signed), "--data-dir", str(target), "--yes", "--key-file", str(other))
        assert (ran.code, told in ran.err) == (ExitCode.USAGE, True)
