"""Versions built from real wheels into real virtual environments, and checked before they are tried."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.installs.wheels import build_wheel, install_stub, package_version, sha256_of, stub_wheel

from cictl.installation.environments import BuildFailed, Environment
from cictl.installation.layout import Layout
from cictl.installation.releases.release import FetchedRelease
from cictl.installation.smoke import SmokeError, can_open, smoke
from cictl.installation.staging import PipSettings, PreflightError, StageError, find_staged, stage
from cictl_server.services.updates.tools import UpdateTools

TAG = "v2.0.0-rc.1"

on_staged = pytest.mark.xdist_group("a staged version")


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """A folder of wheels with one dependency."""
    build_wheel(tmp_path / "links", "helpful", "1.0", {"helpful.py": b"ANSWER = 42\n"})
    return tmp_path / "links"


def lock_of(links: Path, sha256: str = "") -> Path:
    wheel = next(links.glob("helpful-*.whl"))
    lock = links / "requirements.txt"
    lock.write_text(f"helpful==1.0 --hash=sha256:{sha256 or sha256_of(wheel)}\n")
    return lock


def fetched(wheel: Path, requirements: Path | None = None) -> FetchedRelease:
    return FetchedRelease(wheel, sha256_of(wheel), requirements)


def offline(links: Path) -> PipSettings:
    return PipSettings(index_url="none", find_links=str(links))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """An installation of TAG from a wheel and a pinned list; tests leave it as it is."""
    root = tmp_path_factory.mktemp("staged")
    layout = Layout(root / "home", root / "data")
    layout.home.mkdir()
    build_wheel(root / "links", "helpful", "1.0", {"helpful.py": b"ANSWER = 42\n"})
    wheel = stub_wheel(root / "fetched", TAG, requires=["helpful"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        patch.setenv("PIP_CONSTRAINT", str(root / "nowhere.txt"))
        patch.setenv("PYTHONPATH", str(root / "nowhere"))
        stage(layout, fetched(wheel, lock_of(root / "links")), TAG, pip=offline(root / "links"))
    yield layout
    shutil.rmtree(root)


@on_staged
def test_a_staged_version_runs_from_its_own_environment(staged: Layout) -> None:
    done = subprocess.run([staged.script(TAG), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{TAG}\n"
    assert staged.script(TAG).read_text().startswith(f"#!{staged.folder(TAG)}/bin/python")


@on_staged
def test_a_staged_version_has_what_it_needs(staged: Layout) -> None:
    python = staged.folder(TAG) / "bin" / "python"
    done = subprocess.run(
        [python, "-c", "import helpful; print(helpful.ANSWER)"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "42\n"


@on_staged
def test_the_record_tells_the_wheel(staged: Layout) -> None:
    record = staged.record(TAG)
    assert record is not None
    assert (record.tag, record.wheel) == (TAG, f"cictl-{package_version(TAG)}-py3-none-any.whl")
    assert staged.is_complete(TAG)
    assert staged.complete_versions() == [TAG]


@on_staged
def test_a_version_that_is_here_is_not_built_again(staged: Layout) -> None:
    phases: list[str] = []
    wheel = next((staged.home.parent / "fetched").iterdir())
    again = stage(staged, fetched(wheel), TAG, pip=PipSettings(index_url="none"), on_phase=phases.append)
    assert (again.was_reused, phases) == (True, [])
    assert find_staged(staged, TAG) == again


@on_staged
def test_a_staged_version_passes_its_test(staged: Layout) -> None:
    smoke(staged, TAG, None)
    assert list(staged.updates.iterdir()) == []


@on_staged
def test_a_changed_file_makes_a_version_incomplete(staged: Layout) -> None:
    changed = next(staged.folder(TAG).glob("lib/python*/site-packages/helpful.py"))
    before = changed.read_bytes()
    changed.write_bytes(b"ANSWER = 41\n")
    assert not staged.is_complete(TAG)
    changed.write_bytes(before)
    assert staged.is_complete(TAG)


@pytest.mark.parametrize(
    ("requires", "sha256", "problem"),
    [
        pytest.param(["helpful"], "0" * 64, "DO NOT MATCH THE HASHES", id="another dependency"),
        pytest.param(["missing"], "", "requires missing", id="an incomplete list"),
    ],
)
def test_a_failed_build_leaves_nothing(
    layout: Layout, links: Path, tmp_path: Path, requires: list[str], sha256: str, problem: str
) -> None:
    wheel = stub_wheel(tmp_path / "fetched", TAG, requires=requires)
    with pytest.raises(StageError, match=rf"^stage update: .*{problem}"):
        stage(layout, fetched(wheel, lock_of(links, sha256)), TAG, pip=offline(links))
    assert list(layout.versions.iterdir()) == []


def test_dependencies_without_hashes_are_not_installed(layout: Layout, links: Path, tmp_path: Path) -> None:
    wheel = stub_wheel(tmp_path / "fetched", TAG, requires=["helpful"])
    with pytest.raises(PreflightError, match="has no list of its dependencies with their hashes"):
        stage(layout, fetched(wheel), TAG, pip=offline(links))
    assert list(layout.versions.iterdir()) == []


def test_the_list_in_the_wheel_pins_its_dependencies(layout: Layout, links: Path, tmp_path: Path) -> None:
    """A newer release of a dependency, which nobody has vetted, is not taken."""
    pinned = lock_of(links).read_bytes()
    build_wheel(links, "helpful", "1.1", {"helpful.py": b"ANSWER = 0\n"})
    wheel = build_wheel(
        tmp_path, "cictl", package_version(TAG), {"cictl/installation/requirements.txt": pinned}, requires=["helpful"]
    )
    folder = stage(layout, fetched(wheel), TAG, pip=offline(links)).folder
    assert [path.name for path in folder.glob("lib/python*/site-packages/helpful-*")] == ["helpful-1.0.dist-info"]


def grown_wheel(links: Path, folder: Path) -> Path:
    """Return the wheel of a version that takes `grownup` too for PostgreSQL or S3."""
    pinned = lock_of(links).read_bytes()
    build_wheel(links, "grownup", "1.0", {"grownup.py": b"ANSWER = 0\n"})
    digest = sha256_of(next(links.glob("grownup-*")))
    lists = {
        "cictl/installation/requirements.txt": pinned,
        "cictl/installation/requirements-grown.txt": pinned + f"grownup==1.0 --hash=sha256:{digest}\n".encode(),
    }
    return build_wheel(folder, "cictl", package_version(TAG), lists, requires=["helpful"])


def has_grown(folder: Path) -> bool:
    return any(folder.glob("lib/python*/site-packages/grownup-*"))


@pytest.mark.parametrize(
    ("environ", "needs_grown"),
    [
        pytest.param({}, False, id="none"),
        pytest.param({"CICTL_STORE": "postgresql://db/cictl"}, True, id="database"),
        pytest.param({"CICTL_FILES": "s3://bucket"}, True, id="bucket"),
        pytest.param({"CICTL_FILES": "/srv/files"}, False, id="folder"),
    ],
)
def test_a_server_on_a_database_or_a_bucket_gets_what_these_take(
    environ: dict[str, str], needs_grown: bool, layout: Layout, links: Path, tmp_path: Path
) -> None:
    wheel = grown_wheel(links, tmp_path)
    variables = {"CICTL_UPDATE_INDEX_URL": "none", "CICTL_UPDATE_FIND_LINKS": str(links), **environ}
    folder = stage(layout, fetched(wheel), TAG, pip=PipSettings.from_environment(variables)).folder
    assert has_grown(folder) == needs_grown


def test_an_update_without_settings_has_the_usual_times(tmp_path: Path) -> None:
    tools = UpdateTools.from_environment({}, version="v1.0.0", data_dir=tmp_path)
    assert (tools.apply_wait.total_seconds(), tools.drain.total_seconds(), tools.health.total_seconds()) == (25, 0, 60)
    assert tools.unit == "cictl.service"


def test_a_server_that_an_option_told_of_its_database_gets_it_too(layout: Layout, links: Path, tmp_path: Path) -> None:
    variables = {"CICTL_UPDATE_INDEX_URL": "none", "CICTL_UPDATE_FIND_LINKS": str(links)}
    tools = UpdateTools.from_environment(variables, version="v1.0.0", data_dir=layout.data_dir, needs_grown=True)
    tools.stage(layout, fetched(grown_wheel(links, tmp_path)), TAG, on_phase=lambda _: None)
    assert has_grown(layout.folder(TAG))


@pytest.mark.parametrize(
    ("name", "mebibytes", "problem"),
    [
        pytest.param("big.bin", 501, "more than 500 MiB unpacked", id="bomb"),
        pytest.param("cictl/installation/requirements.txt", 5, "is no wheel", id="endless list"),
    ],
)
def test_a_wheel_that_unpacks_to_too_much_is_refused(
    layout: Layout, tmp_path: Path, name: str, mebibytes: int, problem: str
) -> None:
    wheel = stub_wheel(tmp_path, TAG)
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open(name, "w") as file:
        for _ in range(mebibytes):
            file.write(bytes(1 << 20))
    with pytest.raises(PreflightError, match=f"^preflight failed: .* {problem}"):
        stage(layout, fetched(wheel), TAG, pip=PipSettings(index_url="none"))
    assert list(layout.versions.iterdir()) == []


def test_a_file_that_is_no_wheel_is_told(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "cictl-2.0.0rc1-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(PreflightError, match=r"^preflight failed: cictl-2.0.0rc1-py3-none-any.whl is no wheel$"):
        stage(layout, fetched(next(tmp_path.glob("*.whl"))), TAG, pip=PipSettings())


def test_a_wheel_that_changed_after_it_was_verified_is_not_installed(layout: Layout, tmp_path: Path) -> None:
    wheel = stub_wheel(tmp_path / "fetched", TAG)
    told = FetchedRelease(wheel, "0" * 64)
    with pytest.raises(StageError, match="DO NOT MATCH THE HASHES"):
        stage(layout, told, TAG, pip=PipSettings(index_url="none"))
    assert list(layout.versions.iterdir()) == []


def test_a_wheel_of_another_version_is_refused(layout: Layout, tmp_path: Path) -> None:
    wheel = stub_wheel(tmp_path, "v2.0.1")
    with pytest.raises(PreflightError, match=f"preflight failed: {wheel.name} is version 2.0.1, not {TAG}"):
        stage(layout, fetched(wheel), TAG, pip=PipSettings())


def test_an_interpreter_that_is_too_old_is_told(layout: Layout, tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "cictl", "2.0.0", {}, requires_python=">=4.1")
    with pytest.raises(PreflightError, match=r"release v2.0.0 needs Python >=4.1, this environment has 3\.\d+$"):
        stage(layout, fetched(wheel), "v2.0.0", pip=PipSettings())


def test_too_little_room_is_told(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = stub_wheel(tmp_path, TAG)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=200 << 20))
    with pytest.raises(PreflightError, match=r"has 200 MiB free, 300 MiB are needed$"):
        stage(layout, fetched(wheel), TAG, pip=PipSettings())


@pytest.mark.parametrize("name", ["a b", "x" * 120], ids=["space", "long"])
def test_a_path_that_scripts_cannot_name_is_told(tmp_path: Path, name: str) -> None:
    wheel = stub_wheel(tmp_path, TAG)
    with pytest.raises(PreflightError, match="too long or has a space"):
        stage(Layout(tmp_path / name, tmp_path), fetched(wheel), TAG, pip=PipSettings())


def test_the_running_version_is_never_rebuilt(installed: Layout, tmp_path: Path) -> None:
    current = installed.current()
    assert current is not None
    wheel = stub_wheel(tmp_path, current)
    with pytest.raises(PreflightError, match="is in use"):
        stage(installed, fetched(wheel), current, pip=PipSettings())


@pytest.mark.parametrize(
    ("flavour", "problem", "has_failed"),
    [
        ("tells-another-version", f"{TAG} says that it is v99.0.0", True),
        ("refuses-data", f"{TAG} cannot open database schema 1", False),
    ],
)
def test_what_does_not_check_itself_well_is_refused(
    layout: Layout, flavour: str, problem: str, has_failed: bool
) -> None:
    install_stub(layout, TAG, flavour)
    with pytest.raises(SmokeError, match=f"^smoke test failed: {problem}$"):
        smoke(layout, TAG, layout.data_dir)
    assert layout.has_failed(TAG) is has_failed


def test_a_version_looks_at_the_database_of_a_server_and_is_not_to_blame_for_its_absence(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CICTL_STORE", "postgresql://not-of-the-server/x")
    install_stub(layout, TAG, "reaches-no-database")
    smoke(layout, TAG, layout.data_dir)
    with pytest.raises(SmokeError, match="the database does not answer: postgresql://db/cictl"):
        smoke(layout, TAG, layout.data_dir, store="postgresql://db/cictl")
    assert not layout.has_failed(TAG)


def test_a_program_that_cannot_start_is_told(layout: Layout) -> None:
    install_stub(layout, TAG).unlink()
    with pytest.raises(SmokeError, match="can't be started: No such file"):
        smoke(layout, TAG, None)


def test_a_version_that_cannot_be_asked_counts_as_able_to_open_the_data(layout: Layout) -> None:
    install_stub(layout, TAG).chmod(0o600)
    assert can_open(layout, TAG, layout.data_dir)


def test_what_builds_a_version_knows_nothing_of_the_servers_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CICTL_SECRETS_KEY", "CICTL_STORE", "PGPASSWORD", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "hunter22")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    shown = ["sh", "-c", "env | grep -e hunter22 -e ^HTTPS_PROXY; exit 1"]
    with pytest.raises(BuildFailed, match=r"^pip failed: HTTPS_PROXY=http://proxy$"):
        Environment(tmp_path / "version", PipSettings())._run("pip", shown)


def test_settings_of_pip() -> None:
    settings = {"CICTL_UPDATE_INDEX_URL": "https://example.com/simple", "CIWI_UPDATE_FIND_LINKS": "/srv/wheels"}
    pip = PipSettings.from_environment(settings)
    assert pip.variables() == {"PIP_INDEX_URL": "https://example.com/simple"}
    assert pip.arguments() == ["--find-links", "/srv/wheels"]
    assert PipSettings(index_url="none").arguments() == ["--no-index"]
