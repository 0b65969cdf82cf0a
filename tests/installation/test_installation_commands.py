"""The commands that installers and the updater run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cictl_testing.installs.stub_versions import NEW, OLD, Serving
from cictl_testing.installs.wheels import install_stub, stub_wheel
from cictl_testing.ports import free_port
from cictl_testing.servers.release_server import ReleaseServer

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.main import COMMANDS, main
from cictl.cli.completion.tree import command_tree
from cictl.installation.layout import Layout
from cictl.installation.versions import running_tag

Run = Callable[..., tuple[int, str, str]]
TECHNICAL = ("stage", "apply-staged-update", "self-check")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process and return its exit code, stdout and stderr."""

    def call(*argv: str | Path) -> tuple[int, str, str]:
        code = main([str(word) for word in argv])
        return (code, *capsys.readouterr())

    return call


def options(layout: Layout) -> list[str]:
    return ["--home", str(layout.home), "--data-dir", str(layout.data_dir)]


def test_self_check_tells_the_version(run: Run) -> None:
    code, out, _ = run("self-check", "-o", "json")
    assert (code, json.loads(out)) == (0, {"ok": True, "version": running_tag(), "schema": 1})


def test_self_check_for_people(run: Run, tmp_path: Path) -> None:
    assert run("self-check", "--data-dir", tmp_path)[:2] == (0, f"ok: {running_tag()}, schema 1\n")


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        pytest.param("psycopg psycopg_pool obstore", 0, id="the extras"),
        pytest.param("tinydb", 1, id="what it needs"),
    ],
)
def test_self_check_misses_what_is_no_extra(missing: str, code: int) -> None:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({missing.split()!r}));"
        "sys.argv = ['cictl', 'self-check']; from cictl.cli.entry import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == code, done.stderr


def test_self_check_refuses_newer_data(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"_cictl": {"1": {"schema": 7, "sequence": 1, "last_ids": {}}}}')
    code, out, err = run("self-check", "--data-dir", tmp_path)
    assert (code, out, err) == (ExitCode.ERROR, "", "error: cannot open database schema 7\n")


def test_self_check_looks_at_a_database_that_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_STORE", f"postgresql://cictl@127.0.0.1:{free_port()}/cictl")
    code, out, err = run("self-check")
    assert (code, out) == (ExitCode.ERROR, "")
    assert err.startswith("error: the database does not answer: ")


def test_nothing_staged_is_well(run: Run, installed: Layout) -> None:
    assert run("apply-staged-update", *options(installed)) == (0, "", "nothing is staged\n")


def test_an_update_that_is_not_applied_is_a_failure(run: Run, serving: Serving) -> None:
    serving.stage()
    serving.layout.mark_failed(NEW)
    code, _, err = run("apply-staged-update", *options(serving.layout))
    assert code == ExitCode.ERROR
    assert f"error: update to {NEW} not applied: {NEW} is not as it was staged" in err.splitlines()


def test_an_applied_update_says_so(run: Run, serving: Serving) -> None:
    serving.stage()
    code, out, err = run("apply-staged-update", *options(serving.layout))
    assert (code, out, err.splitlines()[-1]) == (0, "", f"update successful: {NEW}")


def test_the_health_timeout_is_a_number(run: Run, installed: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIWI_UPDATE_HEALTH_TIMEOUT", "soon")
    code, _, err = run("apply-staged-update", *options(installed))
    assert (code, "CICTL_UPDATE_HEALTH_TIMEOUT is 'soon', not seconds" in err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("command", [("apply-staged-update",), ("stage", OLD)], ids=lambda words: str(words[0]))
def test_without_an_installation_there_is_nothing_to_do(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    home = tmp_path / "nowhere"
    code, _, err = run(*command, "--home", home)
    assert (code, err.splitlines()) == (
        ExitCode.ERROR,
        [f"error: no managed installation in {home}", "try: name it with --home or CICTL_HOME"],
    )


def test_the_environment_names_the_installation(run: Run, installed: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_HOME", str(installed.home))
    monkeypatch.setenv("CICTL_DATA_DIR", str(installed.data_dir))
    assert run("stage", OLD) == (0, "", f"{OLD} is staged in {installed.folder(OLD)}\n")


def test_a_version_has_one_form(run: Run, installed: Layout) -> None:
    code, _, err = run("stage", "1.0", *options(installed))
    assert (code, "a version looks like v1.2.3 or v1.2.3-rc.1" in err) == (ExitCode.USAGE, True)


def test_what_cannot_check_itself_is_not_staged(run: Run, layout: Layout) -> None:
    install_stub(layout, OLD, "tells-another-version")
    code, _, err = run("stage", OLD, *options(layout))
    assert (code, err) == (ExitCode.ERROR, f"error: smoke test failed: {OLD} says that it is v99.0.0\n")


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseServer]:
    """A server of releases that the settings name; dependencies come from nowhere."""
    served = ReleaseServer()
    for name, value in {**served.environment, "CICTL_UPDATE_INDEX_URL": "none"}.items():
        monkeypatch.setenv(name, value)
    yield served
    served.close()


def test_a_release_is_staged_beside_the_running_version(
    run: Run, installed: Layout, releases: ReleaseServer, tmp_path: Path
) -> None:
    wheel = stub_wheel(tmp_path, NEW)
    releases.publish(NEW, {wheel.name: wheel.read_bytes()})
    code, _, err = run("stage", NEW, *options(installed))
    done = f"{NEW} is staged in {installed.folder(NEW)}"
    assert (code, err.splitlines()) == (0, [f"downloading {NEW}", "building", done])
    assert (installed.is_complete(NEW), installed.current()) == (True, OLD)
    assert list(installed.downloads.iterdir()) == []


def test_a_release_that_does_not_exist_is_told(run: Run, installed: Layout, releases: ReleaseServer) -> None:
    code, _, err = run("stage", NEW, *options(installed))
    assert (code, releases.paths()) == (ExitCode.ERROR, [f"/repos/shop/cictl/releases/tags/{NEW}"])
    assert err.splitlines()[-1].startswith(f"error: release for tag {NEW} query failed: status=404")


def test_technical_commands_are_documented_but_not_listed(run: Run) -> None:
    assert [name for name, entry in COMMANDS.items() if entry.is_technical] == list(TECHNICAL)
    listed = run("--help")[1]
    root, *nodes = command_tree()
    for name in TECHNICAL:
        assert f"  {name} " not in listed
        assert name not in dict(root.commands)
        assert f"cictl {name}" in [node.path for node in nodes]
