"""Machines to install on, and releases on the loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cictl_testing.installs.copies import build_once
from cictl_testing.installs.machine import AGENT, SERVER, Machine, publish, whole_wheel
from cictl_testing.installs.wheels import stub_wheel
from cictl_testing.servers.release_server import ReleaseServer


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """The wheels by tag: two that work, one that crashes at its start, and one that before that changes the data's schema."""

    def build(folder: Path) -> None:
        for tag in ("v1.0.0", "v1.1.0"):
            whole_wheel(folder, tag).rename(folder / f"{tag}.whl")
        for tag, flavour in (("v1.2.0", "crashes"), ("v1.3.0", "migrates")):
            stub_wheel(folder, tag, flavour).rename(folder / f"{tag}.whl")

    # For all workers alike: a machine that one has made must know the release of another.
    return {path.stem: path.read_bytes() for path in build_once(tmp_path_factory, "wheels", build).glob("v*.whl")}


@contextmanager
def released(wheels: Mapping[str, bytes]) -> Iterator[ReleaseServer]:
    with closing(ReleaseServer()) as server:
        publish(server, "v1.0.0", wheels)
        yield server


@pytest.fixture
def releases(wheels: Mapping[str, bytes]) -> Iterator[ReleaseServer]:
    """A server of releases with v1.0.0."""
    with released(wheels) as server:
        yield server


@pytest.fixture
def machine(releases: ReleaseServer, empty: Path) -> Iterator[Machine]:
    """An empty machine."""
    machine = Machine(empty)
    machine.environment.update(releases.environment)
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has pip alone: making one takes most of the time of an installation."""

    def create(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)

    return build_once(tmp_path_factory, "empty", create) / "venv"


@pytest.fixture(scope="session")
def image(wheels: Mapping[str, bytes], empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that can load v1.0.0 of the server, which one worker has installed for all."""

    def install(folder: Path) -> None:
        with released(wheels) as releases, closing(Machine(empty)) as machine:
            machine.environment.update(releases.environment)
            machine.ok("install-server")
            machine.give(folder)

    with closing(Machine(empty)) as machine:
        machine.take(build_once(tmp_path_factory, "machine", install), "server")
        yield machine


@pytest.fixture(scope="session")
def image_of_both(image: Machine, wheels: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The same machine, that can load an agent too, `builder-1`."""

    def install(folder: Path) -> None:
        with released(wheels) as releases:
            image.environment.update(releases.environment)
            image.load("server", SERVER)
            image.ok(
                "install-agent", CICTL_SERVER_URL=image.url, CICTL_AGENT_ID="builder-1", CICTL_AGENT_LABELS="gpu=a100"
            )
            image.give(folder)
            image.clear()

    image.take(build_once(tmp_path_factory, "machine-of-both", install), "both")
    return image


@contextmanager
def given(image: Machine, environment: Mapping[str, str]) -> Iterator[Machine]:
    """Give *image* further settings. Afterwards it has those of before: what a test sets is not for the next one."""
    before = image.environment
    image.environment = {**before, **environment}
    yield image
    image.environment = before


@pytest.fixture
def installed(image: Machine, releases: ReleaseServer) -> Iterator[Machine]:
    """A machine on which v1.0.0 of the server runs."""
    with given(image, releases.environment):
        image.load("server", SERVER, "cictl-updater.path")
        yield image
        image.clear()


@pytest.fixture
def both(image_of_both: Machine, releases: ReleaseServer) -> Iterator[Machine]:
    """A machine on which v1.0.0 of server and agent run."""
    with given(image_of_both, releases.environment) as image:
        image.load("both", SERVER, "cictl-updater.path", AGENT)
        yield image
        image.clear()
