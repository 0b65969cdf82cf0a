"""Ways to run the program: against a server with a project, against an empty one, against none."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cictl_testing.screen import Screen
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import openbao
from cictl_testing.servers.threads import ThreadedServer
from cictl_testing.shop import Shop, make_template

from cictl.cli.app.main import main
from cictl.cli.app.patience import Patience
from cictl_server.app import create_app
from cictl_server.services.notifications import NotificationSettings

__all__ = ["openbao"]
"""A fixture from elsewhere."""


@dataclass(frozen=True)
class Ran:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    def error(self) -> Any:
        """The error object on the last line of stderr."""
        return msgspec.json.decode(self.err.strip().splitlines()[-1])["error"]


Run = Callable[..., Ran]

HASTE = Patience(retries=0, poll_seconds=0.01, retry_seconds=0.01, slow_after_seconds=600.0)
"""It looks again at once, never repeats a failed read, and takes nothing for slow: the machine may be loaded."""

EAGER = HASTE._replace(unmet_after_seconds=0.0)
"""It tells at once of jobs that no agent can take."""


@pytest.fixture(scope="session")
def shop_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory that each shop is a copy of, beside the repository of its project."""
    directory = tmp_path_factory.mktemp("shop")
    make_template(directory)
    return directory


@pytest.fixture
def shop(shop_template: Path, tmp_path: Path) -> Iterator[Shop]:
    """A real server with three agents, the project shop, and nothing in the queue."""
    shutil.copytree(shop_template / "data", tmp_path / "shop-data")
    opened = Shop(tmp_path / "shop-data", repository=shop_template / "repository")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def stocked(shop_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop behind each `showcase`."""
    directory = tmp_path_factory.mktemp("showcase") / "data"
    shutil.copytree(shop_template / "data", directory)
    opened = Shop(directory, repository=shop_template / "repository")
    opened.stock()
    yield opened
    opened.close()


@pytest.fixture
def showcase(stocked: Shop) -> Iterator[Shop]:
    """A shop with one of everything that all tests share which change nothing in it; its gate is theirs."""
    stocked.gate.forget()
    before = stocked.server.content()
    yield stocked
    assert stocked.server.content() == before, "a test that changes something needs a shop of its own"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without settings of the person who runs the tests."""
    for name in [n for n in os.environ if n.startswith(("CICTL_", "CIWI_"))] + ["NO_COLOR", "COLUMNS"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def patience() -> Patience:
    """How long the program waits when `run` runs it."""
    return HASTE


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], patience: Patience) -> Run:
    """Runs the program in this process: `run("agents", "list")`."""

    def run_main(*argv: str) -> Ran:
        capsys.readouterr()
        code = main(argv, patience=patience)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run_main


@pytest.fixture
def cli(run: Run, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program against the shop."""
    monkeypatch.setenv("CICTL_SERVER_URL", shop.url)
    return run


@pytest.fixture
def screen(shop: Shop, home: Path) -> Screen:
    """Starts the program against the shop, on a terminal."""
    return Screen(shop.url, home)


@pytest.fixture
def shown(run: Run, showcase: Shop, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program against the showcase."""
    monkeypatch.setenv("CICTL_SERVER_URL", showcase.url)
    return run


@pytest.fixture
def server(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """A whole server on a port, with a clock of its own; `run` calls it."""
    rules = RunningServer(tmp_path / "data", settings={"notification_settings": NotificationSettings(allows_http=True)})
    http = ThreadedServer(create_app(rules.services))
    monkeypatch.setenv("CICTL_SERVER_URL", http.url)
    yield rules
    rules.services.core.hub.close()
    http.stop()
    rules.close()


@pytest.fixture
def dead_url() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
