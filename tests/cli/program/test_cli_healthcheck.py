"""`cictl healthcheck` and `cictl info`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.admin.server import ServerInfo
from cictl.wire.problems import Code
from cictl_server.serve import Server, ServerConfig
from cictl_server.threaded import serving
from tests.cli.conftest import Run


def test_healthy_is_one_line(shown: Run, showcase: Shop) -> None:
    ran = shown("healthcheck")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"healthy: cictl 1.2.3, API version 1; 3 of 3 agents online ({showcase.url})\n"


def test_healthy_as_json(shown: Run) -> None:
    report = shown("healthcheck", "-o", "json").json()
    assert (report["healthy"], report["status"]) == (True, "healthy")
    assert [(c["name"], c["ok"]) for c in report["checks"]] == [
        ("healthz", True),
        ("server-info", True),
        ("readyz", True),
        ("runtime-state", True),
    ]


def test_reference_server_is_healthy_too(shown: Run, showcase: Shop) -> None:
    showcase.gate.answer("GET /api/v1/server-info", ServerInfo(name="ciwi", api_version=1, version="0.1.209"))
    showcase.gate.refuse_plainly("GET /readyz", 404, "404 page not found")
    assert shown("healthcheck").code == 0


@pytest.mark.parametrize(
    ("info", "text"),
    [
        pytest.param(ServerInfo(name="other", api_version=1, version="9"), "other 9", id="another program"),
        pytest.param(ServerInfo(name="cictl", api_version=2, version="9"), "API version 2", id="another API"),
    ],
)
def test_another_server_is_10(shown: Run, showcase: Shop, info: ServerInfo, text: str) -> None:
    showcase.gate.answer("GET /api/v1/server-info", info)
    ran = shown("healthcheck")
    assert ran.code == ExitCode.SERVER_ERROR
    assert ran.out.startswith("unhealthy: ")
    assert text in ran.out


def test_degraded_is_10_with_the_reasons(cli: Run, shop: Shop) -> None:
    shop.server.clock.step(61)  # a minute without heartbeats
    shop.server.services.jobs.expiry.run_once()
    ran = cli("healthcheck")
    assert ran.code == ExitCode.SERVER_ERROR
    assert ran.out == f"degraded: no online agents ({shop.url})\n"
    report = cli("healthcheck", "-o", "json").json()
    assert report["checks"][-1] == {"name": "runtime-state", "ok": False, "detail": "no online agents"}


def test_failing_server_is_10(shown: Run, showcase: Shop) -> None:
    showcase.gate.refuse("GET /healthz", 500, Code.INTERNAL, "disk on fire")
    ran = shown("healthcheck")
    assert ran.code == ExitCode.SERVER_ERROR
    assert "disk on fire" in ran.out


def test_unreachable_is_9_and_names_the_url(run: Run, dead_url: str) -> None:
    ran = run("healthcheck", "--server", dead_url)
    assert (ran.code, ran.err) == (ExitCode.UNREACHABLE, "")
    assert ran.out.startswith("unreachable: ")
    assert dead_url in ran.out
    data = run("healthcheck", "--server", dead_url, "-o", "json")
    assert (data.code, data.json()["status"]) == (ExitCode.UNREACHABLE, "unreachable")


def test_wait_ends_when_it_becomes_healthy(shown: Run, showcase: Shop) -> None:
    showcase.gate.refuse("GET /healthz", 503, Code.INTERNAL, "starting", times=3)
    assert shown("healthcheck", "--wait", "--timeout", "30").code == 0


def test_wait_gives_up_with_the_last_verdict(run: Run, dead_url: str) -> None:
    assert run("healthcheck", "--server", dead_url, "--wait", "--timeout", "0.1").code == ExitCode.UNREACHABLE


def test_missing_token_is_6(shown: Run, showcase: Shop) -> None:
    showcase.gate.refuse("GET /api/v1/runtime-state", 401, Code.UNAUTHENTICATED, "a token is needed")
    ran = shown("healthcheck")
    assert (ran.code, ran.out) == (ExitCode.NOT_ALLOWED, "")
    assert "cictl login" in ran.err


def test_a_server_that_wants_tokens_is_healthy_to_those_without_one(cli: Run, shop: Shop) -> None:
    shop.server.token("admin")
    ran = cli("healthcheck")
    assert (ran.code, ran.out) == (
        0,
        f"healthy: cictl, which tells the rest to tokens only, API version 1 ({shop.url})\n",
    )
    assert [c["name"] for c in cli("healthcheck", "-o", "json").json()["checks"]] == [
        "healthz",
        "server-info",
        "readyz",
    ]


def test_info(shown: Run, showcase: Shop) -> None:
    ran = shown("info")
    assert ran.code == 0
    assert f"Server:           {showcase.url} (from CICTL_SERVER_URL)\n" in ran.out
    assert "Agents:           3 online, 0 stale, 0 offline\n" in ran.out
    [server] = shown("info", "-o", "json").json()["servers"]
    assert f"{server['name']} {server['version']} ({server['instance_id'][:8]}, leads background)\n" in ran.out


def test_info_as_json_has_both_answers(shown: Run) -> None:
    found = shown("info", "-o", "json").json()
    assert (found["server_info"]["name"], found["runtime_state"]["mode"]) == ("cictl", "normal")


@pytest.fixture
def real_server(tmp_path: Path) -> Iterator[Server]:
    with serving(ServerConfig(data_dir=tmp_path / "data", port=0)) as server:
        yield server


def test_a_server_that_tells_whether_it_is_ready_is_asked(run: Run, real_server: Server) -> None:
    report = run("healthcheck", "--server", real_server.url, "-o", "json").json()
    assert report["checks"][2] == {"name": "readyz", "ok": True, "detail": "ready"}
    assert run("healthcheck", "--server", real_server.url).out.count(";") == 1, "one line says what there is to know"


def test_a_server_that_is_not_ready_is_10_with_what_is_wrong(run: Run, real_server: Server) -> None:
    real_server.services.core.hub.close()
    ran = run("healthcheck", "--server", real_server.url)
    assert ran.code == ExitCode.SERVER_ERROR
    assert ran.out == f"unhealthy: serving: the server is stopping ({real_server.url})\n"
