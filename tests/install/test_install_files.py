"""The scripts as files: whole in themselves, made from the parts that they share, clean for shellcheck; the units for systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cictl_testing.installs.machine import SCRIPTS

from install.assemble import NAMES, assemble

UNITS = sorted(path.name for path in (SCRIPTS / "systemd").iterdir())


def script(name: str) -> str:
    return (SCRIPTS / f"{name}.sh").read_text()


def test_every_script_is_made_from_parts() -> None:
    assert sorted(NAMES) == sorted(path.name for path in SCRIPTS.glob("*.sh"))


@pytest.mark.parametrize("name", NAMES)
def test_the_scripts_are_current(name: str) -> None:
    assert (SCRIPTS / name).read_text() == assemble(name), "run `make docs`"


def test_the_scripts_carry_the_units() -> None:
    carried: dict[str, str] = {}
    for name in ("install-server", "install-agent"):
        carried.update(re.findall(r"write_unit (\S+) <<'UNIT'\n(.*?)^UNIT$", script(name), re.MULTILINE | re.DOTALL))
    assert sorted(carried) == UNITS
    assert carried == {name: (SCRIPTS / "systemd" / name).read_text() for name in UNITS}


@pytest.mark.parametrize("name", ["install-server", "install-agent"])
def test_root_changes_nothing_inside_the_folders_of_the_account(name: str) -> None:
    """A job may put links there, and root would follow them: `as_service` does the work, with the account's rights."""
    changes = re.compile(
        r"""(as_service\ )?\b(?:own|chmod|chown|ln|mv|rm|cp|mkdir|touch|tee)\ [^;&|]*
            "\$\{?(?:HOME_DIR|VERSIONS|DATA|KEPT)[^"]*/|>+\ ?"\$\{?(?:HOME_DIR|VERSIONS|DATA|KEPT)""",
        re.VERBOSE,
    )
    lines = [line for line in script(name).splitlines() if '"$program"' not in line]
    found = [(line, match[1]) for line in lines for match in changes.finditer(line)]
    assert len(found) > 5
    assert [line for line, by_account in found if not by_account] == []


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "shellcheck"), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_half_a_download_does_nothing(path: Path) -> None:
    """Everything happens in `main`, which the last line calls."""
    assert path.read_text().endswith('\nmain "$@"\n')
    half = path.read_text().removesuffix('main "$@"\n')
    done = subprocess.run(
        ["sh", "-s", "--", "--help"], input=half, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("install-*.sh")), ids=lambda path: path.name)
def test_every_setting_is_in_the_help(path: Path) -> None:
    text = path.read_text()
    help_text = text[text.index("<<'HELP'") : text.index("\nHELP\n")]
    used = set(re.findall(r"\bUPDATE_[A-Z_]+|\bGITHUB_TOKEN", text.replace(help_text, "")))
    assert {f"CICTL_{name}" for name in used} - {"CICTL_UPDATE_HEALTH_TIMEOUT"} <= set(
        re.findall(r"CICTL_[A-Z_]+", help_text)
    )


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """With every program and account that they name, made up where this machine lacks it."""
    program = tmp_path / "current" / "bin" / "cictl"
    program.parent.mkdir(parents=True)
    shutil.copy("/bin/true", program)
    (tmp_path / "updater").symlink_to("current")
    for name in UNITS:
        text = (SCRIPTS / "systemd" / name).read_text()
        for word, value in {"@HOME@": tmp_path, "@DATA@": tmp_path, "@SETTINGS@": tmp_path / "settings"}.items():
            text = text.replace(word, str(value))
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or line.startswith("cictl")]
    assert (done.returncode, complaints) == (0, [])
