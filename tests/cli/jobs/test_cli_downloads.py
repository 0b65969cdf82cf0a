"""`cictl jobs artifacts` and `cictl jobs download`."""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.shop import Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.cli.jobs.download import safe_path, whole_file
from cictl.wire.jobs import JobStatus
from cictl.wire.results.artifacts import Artifact, ArtifactData, ArtifactUpload
from cictl_client import Client
from tests.cli.conftest import Run


@pytest.fixture
def artifacts(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The artifacts of job-1, and an empty directory as the current one."""
    directory = tmp_path / "here"
    directory.mkdir()
    monkeypatch.chdir(directory)
    shop.put(job("job-1", JobStatus.SUCCEEDED))
    files = {"dist/app": b"program", "dist/doc/readme": b"read me", "distant": b"other"}
    shop.keep("job-1", files)
    return files


def test_artifacts_as_table(cli: Run, artifacts: dict[str, bytes]) -> None:
    assert cli("jobs", "artifacts", "job-1").out.splitlines()[1].split() == ["dist/app", "7", "B"]


def test_artifacts_of_a_job_without_any(cli: Run, shop: Shop) -> None:
    shop.put(job("job-2"))
    ran = cli("jobs", "artifacts", "job-2")
    assert (ran.code, ran.out, ran.err) == (0, "", "job-2 has no artifacts\n")


def test_download_one(cli: Run, artifacts: dict[str, bytes]) -> None:
    ran = cli("jobs", "download", "job-1", "dist/app", "-o", "name")
    assert (ran.code, ran.out) == (0, "dist/app\n")
    assert Path("dist/app").read_bytes() == b"program"


def test_download_into_a_directory(cli: Run, artifacts: dict[str, bytes], tmp_path: Path) -> None:
    assert cli("jobs", "download", "job-1", "distant", "-C", str(tmp_path / "new")).code == 0
    assert (tmp_path / "new" / "distant").read_bytes() == b"other"


def test_download_below_a_prefix(cli: Run, artifacts: dict[str, bytes]) -> None:
    files = cli("jobs", "download", "job-1", "--prefix", "dist/", "-o", "json").json()["files"]
    assert [file["path"] for file in files] == ["dist/app", "dist/doc/readme"]


def test_a_directory_is_downloaded_like_a_prefix(cli: Run, artifacts: dict[str, bytes]) -> None:
    files = cli("jobs", "download", "job-1", "dist", "-o", "json").json()["files"]
    assert [file["path"] for file in files] == ["dist/app", "dist/doc/readme"]


def test_all_as_files(cli: Run, artifacts: dict[str, bytes], tmp_path: Path) -> None:
    ran = cli("jobs", "download", "job-1", "--all", "-O", str(tmp_path / "out"), "-o", "json")
    assert [file["size_bytes"] for file in ran.json()["files"]] == [7, 7, 5]
    assert (tmp_path / "out" / "dist" / "doc" / "readme").read_bytes() == b"read me"
    assert (tmp_path / "out" / "distant").read_bytes() == b"other"


@pytest.mark.parametrize(
    "options", [("app", "--all"), ("app", "--prefix", "x"), ("--all", "--prefix", "x"), ("--name", "x", "--all")]
)
def test_only_one_selection(cli: Run, artifacts: dict[str, bytes], options: tuple[str, ...]) -> None:
    assert cli("jobs", "download", "job-1", *options).code == ExitCode.USAGE


def test_an_interrupted_download_goes_on_with_the_same_command(
    run: Run, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    body = bytes(range(256)) * 4000
    job_id = server.enqueue()
    server.running()
    data = ArtifactData(path="app.bin", data_base64=base64.b64encode(body).decode())
    upload = ArtifactUpload(agent_id="a", artifacts=[data])
    assert server.post(f"/api/v1/jobs/{job_id}/artifacts", upload).status_code == 200

    with monkeypatch.context() as patched:
        patched.setattr("cictl_client.client.Client.fetch_artifact", interrupted_after(5000))
        ran = run("jobs", "download", job_id, "app.bin")
    assert ran.code == ExitCode.INTERRUPTED
    assert "the same command goes on" in ran.err
    [part] = tmp_path.glob("app.bin.*.part")
    beginning = b"x" + part.read_bytes()[1:]
    assert 0 < len(beginning) < len(body)
    part.write_bytes(beginning)  # so that the bytes which came first can be told from ones that come again

    assert run("jobs", "download", job_id, "app.bin").code == 0
    assert Path("app.bin").read_bytes() == beginning + body[len(beginning) :]
    assert list(tmp_path.glob("*.part")) == []


def interrupted_after(count: int) -> Callable[..., int]:
    """Return a `fetch_artifact` during which Ctrl-C is pressed once *count* bytes are there."""
    fetch = Client.fetch_artifact

    def fetch_some(client: Client, artifact: Artifact, target: Path, **_: object) -> int:
        def press(have: int) -> None:
            if have >= count:
                raise KeyboardInterrupt

        return fetch(client, artifact, target, progress=press)

    return fetch_some


def test_download_all_is_a_zip(cli: Run, artifacts: dict[str, bytes]) -> None:
    assert cli("jobs", "download", "job-1", "-o", "name").out == "job-1-artifacts.zip\n"
    with zipfile.ZipFile("job-1-artifacts.zip") as archive:
        assert archive.read("dist/app") == b"program"


def test_existing_file_is_a_conflict(cli: Run, artifacts: dict[str, bytes]) -> None:
    Path("distant").write_bytes(b"mine")
    ran = cli("jobs", "download", "job-1", "distant")
    assert (ran.code, ran.out) == (ExitCode.CONFLICT, "")
    assert Path("distant").read_bytes() == b"mine"


def test_force_overwrites(cli: Run, artifacts: dict[str, bytes]) -> None:
    Path("distant").write_bytes(b"mine")
    assert cli("jobs", "download", "job-1", "distant", "--force").code == 0
    assert Path("distant").read_bytes() == b"other"


def test_unknown_artifact_suggests_one(cli: Run, artifacts: dict[str, bytes]) -> None:
    ran = cli("jobs", "download", "job-1", "dist/ap")
    assert ran.code == ExitCode.NOT_FOUND
    assert "did you mean dist/app" in ran.err


def test_nothing_to_download(cli: Run, shop: Shop) -> None:
    shop.put(job("job-2"))
    assert cli("jobs", "download", "job-2").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "a\\b", "a\x00b", "a//b", ".", ""])
def test_unsafe_names_are_refused(path: str) -> None:
    with pytest.raises(Failure, match="not safe"):
        safe_path(path)


@pytest.mark.parametrize("path", ["C:evil", "12:30.log", "con", "a."])
def test_names_that_windows_forbids_are_refused_there_only(path: str) -> None:
    assert safe_path(path, on_windows=False) == Path(path)
    with pytest.raises(Failure, match="not safe"):
        safe_path(path, on_windows=True)


def test_of_several_the_good_ones_are_written_and_the_bad_ones_named(
    cli: Run, shop: Shop, artifacts: dict[str, bytes]
) -> None:
    shop.keep("job-1", {**artifacts, "dist/../../evil": b"evil", "x" * 255: b"long"})
    ran = cli("jobs", "download", "job-1", "--all", "-o", "json")
    assert (ran.code, ran.json()["refused"]) == (ExitCode.ERROR, ["dist/../../evil"])
    assert ran.err == "left out 'dist/../../evil': its name is not safe\n"
    assert {path.name for path in Path().rglob("*") if path.is_file()} == {"app", "readme", "distant", "x" * 255}


def test_unsafe_name_alone_writes_nothing(cli: Run, shop: Shop, artifacts: dict[str, bytes]) -> None:
    shop.keep("job-1", {"../evil": b"evil"})
    ran = cli("jobs", "download", "job-1", "--all")
    assert (ran.code, ran.out) == (ExitCode.ERROR, "")
    assert list(Path().iterdir()) == []


@pytest.fixture
def library(shop: Shop, artifacts: dict[str, bytes]) -> dict[str, str]:
    """The links among the artifacts of job-2, by path, with what they hold."""
    shop.put(job("job-2", JobStatus.SUCCEEDED))
    links = {"lib/x.so": "lib/x.so.1", "lib/x.so.1": "lib/x.so.1.2", "bin/x": "lib/x.so"}
    shop.keep("job-2", {"lib/x.so.1.2": b"code"}, links=links)
    return {"lib/x.so": "x.so.1", "lib/x.so.1": "x.so.1.2", "bin/x": "../lib/x.so"}


def test_links_are_made_where_they_can_be(cli: Run, library: dict[str, str]) -> None:
    ran = cli("jobs", "download", "job-2", "--all")
    assert ran.code == 0
    assert "bin/x -> ../lib/x.so " in ran.out
    assert {path: str(Path(path).readlink()) for path in library} == library
    assert Path("bin/x").read_bytes() == b"code"
    assert cli("jobs", "download", "job-2", "--all", "--force").code == 0
    assert not Path("lib/x.so.1.2").is_symlink()


def test_link_alone_is_a_copy(cli: Run, library: dict[str, str]) -> None:
    assert cli("jobs", "download", "job-2", "bin/x").code == 0
    assert (Path("bin/x").is_symlink(), Path("bin/x").read_bytes()) == (False, b"code")


def test_links_are_in_the_zip_and_in_the_list(cli: Run, library: dict[str, str]) -> None:
    assert cli("jobs", "download", "job-2").code == 0
    with zipfile.ZipFile("job-2-artifacts.zip") as archive:
        assert {path: archive.read(path).decode() for path in library} == library
    assert "lib/x.so.1 -> lib/x.so.1.2 " in cli("jobs", "artifacts", "job-2").out


def test_link_that_would_lead_out_of_the_directory_is_left_out(
    cli: Run, library: dict[str, str], tmp_path: Path
) -> None:
    Path("out").mkdir()
    Path("out", "bin").symlink_to(".")
    ran = cli("jobs", "download", "job-2", "--all", "-C", "out")
    assert (ran.code, ran.err) == (ExitCode.ERROR, "left out 'bin/x': the link would lead out of the directory\n")
    assert Path("out", "lib", "x.so").read_bytes() == b"code"


def test_link_out_of_the_directory_is_refused(cli: Run, artifacts: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Path("dist").symlink_to(tmp_path / "elsewhere")
    assert cli("jobs", "download", "job-1", "dist/app").code == ExitCode.ERROR
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_broken_download_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError), whole_file(tmp_path / "file") as sink:
        sink.write("not bytes")  # type: ignore[call-overload]
    assert list(tmp_path.iterdir()) == []
