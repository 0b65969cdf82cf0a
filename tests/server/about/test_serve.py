"""A running server: sockets, signals of life, orderly stops."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cictl_testing.ends import other_end_of
from cictl_testing.processes import eventually
from cictl_testing.servers.whole import running

from cictl.base.system import children
from cictl.project_file import parse
from cictl.wire.admin.access import TokenRequest
from cictl.wire.agents import LeaseRequest, LeaseResponse
from cictl.wire.codec import encode
from cictl.wire.projects import RunRequest
from cictl_client import Client, ClientError, Unauthenticated
from cictl_server.errors import InvalidRequest
from cictl_server.httpd import waitress_server
from cictl_server.httpd.granian import server as granian_server
from cictl_server.httpd.parking import Lot, Parked
from cictl_server.serve import Server, ServerConfig
from cictl_server.signals.waits import Awaited
from cictl_server.store.contract import StoreLocked, Transaction
from cictl_server.store.records.projects import PipelineRecord, ProjectRecord


def test_it_starts_and_stops_again_and_again(tmp_path: Path) -> None:
    before = own_threads()
    for _ in range(10):
        with running(tmp_path) as server, Client(server.url) as client:
            assert client.health().status == "ok"
    assert own_threads() <= before


def own_threads() -> set[threading.Thread]:
    """Return the threads that Python has begun: it does not see how those of granian end."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


def test_a_waiting_agent_does_not_hold_up_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (waitress_server, granian_server):
        monkeypatch.setattr(module, "GRACE_SECONDS", 60)  # longer than the agent would wait
    answers: list[LeaseResponse | ClientError] = []

    def wait(url: str) -> None:
        try:
            with Client(url) as client:
                answers.append(client.lease(LeaseRequest(agent_id="a", wait_seconds=25)))
        except ClientError as error:
            answers.append(error)

    with running(tmp_path) as server:
        agent = threading.Thread(target=wait, args=(server.url,))
        agent.start()
        eventually(lambda: server.services.core.waiting_leases.waiting, what="the agent")
    agent.join(timeout=60)
    assert isinstance(answers[0], LeaseResponse)
    assert not answers[0].assigned


def test_a_wait_that_begins_as_the_server_stops_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_drained = threading.Event()
    park, drain = Lot.park, Lot.drain

    def late(lot: Lot, parked: Parked, awaited: Awaited) -> bool:
        is_drained.wait(60)
        return park(lot, parked, awaited)

    def noted(lot: Lot, seconds: float) -> None:
        drain(lot, seconds)
        is_drained.set()

    monkeypatch.setattr(Lot, "park", late)
    monkeypatch.setattr(Lot, "drain", noted)
    test_a_waiting_agent_does_not_hold_up_a_stop(tmp_path, monkeypatch)


def test_health_is_answered_while_all_places_are_taken(tmp_path: Path) -> None:
    with running(tmp_path, lease_places=4) as server:

        def wait(name: str) -> None:
            with Client(server.url) as client:
                client.lease(LeaseRequest(agent_id=name, wait_seconds=25))

        agents = [threading.Thread(target=wait, args=(f"a{number}",)) for number in range(4)]
        for agent in agents:
            agent.start()
        eventually(lambda: server.services.core.waiting_leases.waiting == 4, what="the agents")
        with Client(server.url) as client:
            assert client.health().status == "ok"
            assert client.lease(LeaseRequest(agent_id="late", wait_seconds=25)).message == "no matching queued job"
        server.services.core.hub.close()
        for agent in agents:
            agent.join(timeout=60)


def test_remotes_that_never_answer_hold_up_nobody_else(tmp_path: Path) -> None:
    """97 imports held every thread of the server. Their git ends when those who asked have gone."""
    body = b'{"repo_url":"git://127.0.0.1:%d/x"}'
    head = "POST /api/v1/projects/import HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        running(tmp_path) as server,
        Client(server.url) as client,
        ExitStack() as callers,
    ):
        sent = body % silent.getsockname()[1]
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        connections = [callers.enter_context(socket.create_connection(address)) for _ in range(97)]
        for connection in connections:
            connection.sendall(head.encode() % len(sent) + sent)
        assert client.health().status == "ok"
        refused, _, _ = select.select(connections, [], [], 60)
        answer = refused[0].recv(4096).decode()
        assert answer.startswith("HTTP/1.1 503 ")
        assert "\r\nretry-after: " in answer.lower()
        assert client.health().status == "ok"
        callers.close()
        eventually(lambda: not children.running(), what="the end of git")


def test_an_agent_that_has_gone_gets_no_job(tmp_path: Path) -> None:
    """Else the execution would wait out the lease of a process that was stopped while it asked for work."""
    with running(tmp_path) as server, Client(server.url) as client:
        body = encode(LeaseRequest(agent_id="gone", wait_seconds=25))
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
            head = f"POST /api/v1/agent/lease HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            eventually(lambda: server.services.core.waiting_leases.waiting, what="the agent")
            is_held = other_end_of(connection)
        pipeline = define(server)
        eventually(lambda: not is_held(), what="the server to notice")
        [job_id] = client.run_pipeline(pipeline, RunRequest()).job_execution_ids
        eventually(lambda: not server.services.core.waiting_leases.waiting, what="the request to end")
        assert client.get_job(job_id).status == "queued"


def define(server: Server) -> int:
    """Store a pipeline with one job, and return its id."""
    text = "version: 1\nproject: {name: p}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: 'true'}]}]}]"
    definition = parse(text, config_file="cictl.yaml").pipelines[0]

    def change(tx: Transaction) -> None:
        tx.projects.put(
            ProjectRecord(
                id=1,
                name="p",
                identity="p",
                repo_url="",
                repo_ref="",
                config_file="",
                loaded_commit="",
                updated=datetime.now(UTC),
            )
        )
        tx.pipelines.put(PipelineRecord(id=1, project_id=1, definition=definition))

    server.services.core.store.write(change)
    return 1


def test_beyond_loopback_the_first_start_makes_an_admin_token(tmp_path: Path) -> None:
    with running(tmp_path, host="0.0.0.0") as server:
        assert server.first_token_file == tmp_path / "admin.token"
        assert server.first_token_file.stat().st_mode & 0o777 == 0o600
        secret = server.first_token_file.read_text().strip()
        with Client(server.reachable_url) as stranger, pytest.raises(Unauthenticated):
            stranger.list_jobs()
        with Client(server.reachable_url, token=secret) as client:
            assert client.whoami().role == "admin"
    (tmp_path / "admin.token").unlink()
    with running(tmp_path, host="0.0.0.0") as server, Client(server.reachable_url, token=secret) as client:
        assert server.first_token_file is None
        assert client.whoami().name == "admin"


def test_a_start_that_died_before_it_stored_the_token_is_made_good(tmp_path: Path) -> None:
    tmp_path.joinpath("admin.token").write_text("cictl_u_of-no-store")
    with running(tmp_path, host="0.0.0.0") as server:
        secret = (tmp_path / "admin.token").read_text().strip()
        with Client(server.reachable_url, token=secret) as client:
            assert client.whoami().name == "admin"


def test_on_loopback_and_without_authentication_no_token_is_made(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.url) as client:
        assert (server.first_token_file, client.whoami().authentication) == (None, False)
    with running(tmp_path, host="0.0.0.0", no_auth=True) as server, Client(server.reachable_url) as client:
        assert (server.first_token_file, client.whoami().authentication) == (None, False)
    assert not (tmp_path / "admin.token").exists()


def test_no_auth_is_refused_once_there_are_tokens(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.url) as client:
        client.create_token(TokenRequest(name="root", role="admin"))
    with pytest.raises(InvalidRequest, match="refusing --no-auth"):
        Server(ServerConfig(data_dir=tmp_path, port=0, no_auth=True))
    with running(tmp_path):
        """The directory is free again."""


def test_a_start_that_fails_late_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "admin.token").mkdir()
    with pytest.raises(OSError, match=r"admin\.token"):
        Server(ServerConfig(data_dir=tmp_path, port=0, host="0.0.0.0"))
    with running(tmp_path):
        """The directory is free again."""


def test_a_second_server_is_kept_out(tmp_path: Path) -> None:
    with running(tmp_path), pytest.raises(StoreLocked):
        Server(ServerConfig(data_dir=tmp_path, port=0))


def test_a_taken_port_leaves_the_data_alone(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            Server(ServerConfig(data_dir=tmp_path / "data", port=taken.getsockname()[1]))
    assert not (tmp_path / "data").exists()


def test_the_data_is_private(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with running(directory):
        assert directory.stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o077 == 0 for path in directory.iterdir())


def test_addresses_of_vaults_that_are_none_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="url must be http:// or https://"):
        Server(
            ServerConfig(data_dir=tmp_path, port=0, vault_urls=["https://one.example.test,https://two.example.test"])
        )
    assert not list(tmp_path.iterdir())


def test_beyond_loopback_it_answers_under_its_own_names(tmp_path: Path) -> None:
    """A page that was bound anew to the server's address cleared its queue: it was of the `Host` that it asked for."""
    with running(tmp_path, host="0.0.0.0", no_auth=True, allowed_hosts=["ci.lan"]) as server:
        url = f"http://127.0.0.1:{server.url.rpartition(':')[2]}/api/v1/jobs/clear-queue"

        def status(host: str) -> int:
            return requests.post(url, headers={"Host": host, "Origin": f"http://{host}"}, timeout=60).status_code

        assert status("evil.example") == 421
        assert [status(host) for host in ("ci.lan", "192.0.2.1", "localhost", socket.gethostname())] == [200] * 4
        eventually(lambda: status(socket.getfqdn()) == 200, what="the machine's full name")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({"allowed_hosts": ["ci.lan", "http://ci.lan"]}, "not 'http://ci.lan'", id="allowed-host"),
        pytest.param(
            {"trusted_proxies": ["10.0.0.1/8"]}, "--trusted-proxy must be an address or a network", id="proxy"
        ),
        pytest.param({"environ": {"CICTL_UPDATE_SOURCE": "pigeon"}}, "pigeon", id="source of updates"),
        pytest.param({"public_url": "ci.example.com"}, "--public-url: not an http or https URL", id="public-url"),
    ],
)
def test_names_that_are_none_are_told_at_the_start(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        Server(ServerConfig(data_dir=tmp_path, port=0, **options))
    assert not list(tmp_path.iterdir())
