"""The recipe of the image: no engine is needed to see that it would build what it should."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from cictl_testing.installs.wheels import SOURCE

from cictl.cli.app.main import main

LINES = (SOURCE / "Containerfile").read_text().replace("\\\n", " ").splitlines()
PROJECT = tomllib.loads((SOURCE / "pyproject.toml").read_text())


def values(instruction: str) -> list[str]:
    return [line.partition(" ")[2].strip() for line in LINES if line.startswith(f"{instruction} ")]


def copied() -> set[str]:
    """What the first stage takes from the checkout."""
    return {word for value in values("COPY") if not value.startswith("--from") for word in value.split()[:-1]}


def test_what_is_copied_exists_and_is_let_in() -> None:
    ignored = (SOURCE / ".containerignore").read_text().splitlines()
    assert "*" in ignored
    for name in copied():
        assert (SOURCE / name).exists()
        assert f"!{name}" in ignored


def test_everything_that_the_wheel_is_built_from_is_copied() -> None:
    packages = {path.partition("/")[0] for path in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    files = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert packages | files <= copied()


def test_it_runs_as_an_account_without_rights() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", values("USER")[-1])
    assert [line for line in LINES if line.startswith(("RUN", "USER", "COPY"))][-1].startswith("USER")


def test_data_is_in_the_volume() -> None:
    [volume] = values("VOLUME")
    assert f"CICTL_DATA_DIR={volume}" in values("ENV")[-1]
    assert f"-m 700 {volume}" in values("RUN")[-1]


def test_the_python_is_one_that_is_supported() -> None:
    images = values("FROM")
    version = images[-1].partition(":")[2].partition("-")[0]
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]
    assert len({image.partition(" ")[0] for image in images}) == 1


@pytest.mark.parametrize("instruction", ["CMD", "HEALTHCHECK"])
def test_its_commands_exist(instruction: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = json.loads(values(instruction)[-1].partition("CMD")[2] or values(instruction)[-1])
    assert json.loads(values("ENTRYPOINT")[-1]) == ["cictl"]
    assert main([word for word in words if word != "cictl"] + ["--help"]) == 0, capsys.readouterr().err
