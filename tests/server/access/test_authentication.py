"""When a token is wanted, how it is sent, and what wrong ones are told."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest
from cictl_testing.server import RunningServer
from cictl_testing.servers.threads import ThreadedServer

from cictl.wire.agents import HeartbeatRequest
from cictl.wire.codec import encode
from cictl_server.services.access.attempts import Attempts
from cictl_server.services.access.authentication import Policy

JOBS = "/api/v1/jobs"
JSON = {"Accept": "application/json"}


@pytest.fixture
def admin(server: RunningServer) -> str:
    return server.token("admin")


def test_on_loopback_nobody_is_asked_until_there_is_a_token(server: RunningServer) -> None:
    assert server.get(JOBS).status_code == 200
    assert server.get("/api/v1/whoami").json == {"authentication": False, "role": "admin"}
    server.token("admin")
    assert server.get(JOBS).status_code == 401


def test_a_revoked_last_token_opens_nothing(server: RunningServer, admin: str) -> None:
    server.ask("DELETE", "/api/v1/tokens/1", admin)
    assert server.get(JOBS).status_code == 401


def test_beyond_loopback_everybody_is_asked(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, policy=Policy.ALWAYS)
    assert server.get(JOBS).status_code == 401
    assert server.get("/healthz").status_code == 200
    assert server.get("/readyz").status_code == 200
    server.close()


def test_strangers_are_told_name_version_of_the_api_and_features_only(server: RunningServer, admin: str) -> None:
    assert set(server.get("/api/v1/server-info").json) == {"name", "api_version", "features"}
    assert set(server.ask("GET", "/api/v1/server-info", "wrong").json) == {"name", "api_version", "features"}
    assert server.ask("GET", "/api/v1/server-info", admin).json["version"] == "1.2.3"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_the_password_of_basic_counts_whatever_the_user(server: RunningServer, admin: str) -> None:
    assert server.get(JOBS, headers=basic("x", admin)).status_code == 200
    assert server.get(JOBS, headers=basic("", admin)).status_code == 200
    assert server.get(JOBS, headers=basic(admin, "")).status_code == 401


@pytest.mark.parametrize("value", ["", "Bearer", "Basic", "Basic !", "Basic /w==", "Digest x", "Bearer  ", "\x00"])
def test_an_odd_header_is_no_token(server: RunningServer, admin: str, value: str) -> None:
    answer = server.get(JOBS, headers={"Authorization": value})
    assert answer.status_code == 401, admin


@pytest.mark.parametrize("name", ["token", "access_token", "authorization"])
def test_a_token_in_the_query_does_not_count(server: RunningServer, admin: str, name: str) -> None:
    assert server.get(JOBS, query_string=f"{name}={admin}").status_code == 401


def test_a_refusal_says_how_to_ask_and_why(server: RunningServer, admin: str) -> None:
    old, gone = server.token("viewer", name="old", ttl_seconds=60), server.token("viewer", name="gone")
    server.ask("DELETE", "/api/v1/tokens/3", admin)
    assert server.ask("GET", JOBS, old).status_code == 200
    server.clock.step(59.999)
    assert server.ask("GET", JOBS, old).status_code == 200
    server.clock.step(0.001)
    told = [server.ask("GET", JOBS, secret, headers=JSON).json["title"] for secret in ("", "x", old, gone)]
    assert told == [
        "this server wants a token",
        "the token is wrong",
        "the token old has expired",
        "the token gone was revoked",
    ]
    answer = server.get(JOBS, headers=JSON)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="cictl"'
    assert answer.json["code"] == "unauthenticated"
    assert "Cictl-Server" in answer.headers


def test_what_a_role_lacks_is_named(server: RunningServer, admin: str) -> None:
    viewer = server.token("viewer", name="anna")
    answer = server.ask("POST", f"{JOBS}/clear-queue", viewer, headers=JSON)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert answer.json["title"] == "this needs the role operator; the token anna has the role viewer"
    assert server.ask("GET", "/api/v1/tokens", viewer).status_code == 403
    assert server.ask("GET", "/api/v1/tokens", admin).status_code == 200


@pytest.mark.parametrize("action", ["run-script", "update", " UPDATE "])
def test_two_actions_on_agents_need_an_admin(server: RunningServer, admin: str, action: str) -> None:
    beat = {"agent_id": "a"}
    agent = server.token("agent", agent_id="a")
    assert server.ask("POST", "/api/v1/heartbeat", agent, json=beat).status_code == 200
    operator = server.token("operator")
    path, body = "/api/v1/agents/a/actions", {"action": action, "script": "id", "shell": "posix"}
    assert server.ask("POST", path, operator, json=body).status_code == 403
    assert server.ask("POST", path, admin, json=body).status_code != 403
    assert server.ask("POST", path, operator, json={"action": "activate"}).status_code == 200


def test_from_the_tenth_wrong_token_in_a_minute_its_address_has_to_wait(server: RunningServer, admin: str) -> None:
    for _ in range(9):
        assert server.ask("GET", JOBS, "wrong").status_code == 401
        server.clock.step(1)
    limited = server.ask("GET", JOBS, "wrong", headers=JSON)
    assert (limited.status_code, limited.json["code"], limited.headers["Retry-After"]) == (429, "rate_limited", "52")
    assert server.get(JOBS).status_code == 401, "no token is no wrong one"
    assert server.ask("GET", JOBS, admin).status_code == 200, "a right token still passes"
    assert server.ask("GET", JOBS, "wrong", remote_addr="10.0.0.7").status_code == 401, "another address"
    server.clock.step(52)
    assert server.ask("GET", JOBS, "wrong").status_code == 401


def test_wrong_tokens_are_counted_for_a_bounded_number_of_addresses(server: RunningServer) -> None:
    attempts, now = Attempts(), server.clock()
    for number in range(10_050):
        attempts.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", now)
    assert len(attempts._times) == 10_000


def test_a_use_is_noted_once_an_hour(server: RunningServer, admin: str) -> None:
    def last_used() -> object:
        return server.services.access.tokens.list_tokens()[0].last_used_utc

    server.ask("GET", JOBS, admin)
    first, commits = last_used(), server.store.figures().commits
    assert first == server.clock()
    server.clock.step(3599)
    server.ask("GET", JOBS, admin)
    assert (last_used(), server.store.figures().commits) == (first, commits)
    server.clock.step(1)
    server.ask("GET", JOBS, admin)
    assert last_used() == server.clock()


def test_an_answer_that_was_kept_for_a_key_is_for_its_token_only(server: RunningServer, admin: str) -> None:
    pipeline = server.define('[{id: j, steps: [{run: "true"}]}]')
    one, two, viewer = (
        server.token("operator", name="one"),
        server.token("operator", name="two"),
        server.token("viewer"),
    )
    path, key = f"/api/v1/pipelines/{pipeline}/run-selection", {"Idempotency-Key": "k"}
    first = server.ask("POST", path, one, json={}, headers=key)
    assert server.ask("POST", path, one, json={}, headers=key).content == first.content
    assert server.ask("POST", path, two, json={}, headers=key).content != first.content
    assert server.ask("POST", path, viewer, json={}, headers=key).status_code == 403
    assert server.ask("POST", path, "", json={}, headers=key).status_code == 401
    assert server.ask("POST", path, admin, json={}, headers=key).status_code == 201


@pytest.fixture
def two_projects(server: RunningServer) -> dict[str, str]:
    """The ids of an execution of each of two projects, and one of none."""
    jobs: dict[str, str] = {}
    for name in ("shop", "other"):
        pipeline = server.define_project('pipelines: [{id: p, jobs: [{id: j, steps: [{run: "true"}]}]}]', name=name)[
            "p"
        ]
        [jobs[name]] = server.run(pipeline)
    return jobs


def test_a_bound_token_sees_its_projects_only(server: RunningServer, two_projects: dict[str, str]) -> None:
    server.heartbeat("a", restart_status="here I am")
    server.token("admin")
    bound = server.token("viewer", projects=["shop"])
    for query in ("", "status=queued", "max=1", "project=other", "view=queued"):
        listed = server.ask("GET", JOBS, bound, query_string=query).json["job_executions"]
        assert [job["id"] for job in listed] == ([] if "other" in query else [two_projects["shop"]]), query
    assert server.ask("GET", JOBS, bound, query_string="view=summary").json["total"] == 1
    assert [p["name"] for p in server.ask("GET", "/api/v1/projects", bound).json["projects"]] == ["shop"]
    assert server.ask("GET", f"{JOBS}/{two_projects['other']}", bound).status_code == 404
    assert server.ask("GET", f"{JOBS}/{two_projects['shop']}", bound).status_code == 200
    [agent] = server.ask("GET", "/api/v1/agents", bound).json["agents"]
    assert "recent_log" not in agent


class Agent:
    """Sends heartbeats with one token, over one connection, and measures what they cost both sides."""

    def __init__(self, url: str, secret: str, *, statuses: tuple[int, ...] = (200,)) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._statuses = statuses
        tools = {f"tool.{number}": "1.2.3" for number in range(20)}
        self._beat = encode(HeartbeatRequest(agent_id="a", os="linux", capabilities=tools, running_job_ids=[]))

    def seconds(self) -> float:
        """Return the processor time of fifty heartbeats."""
        begun = time.process_time()
        for _ in range(50):
            self._connection.request("POST", "/api/v1/heartbeat", body=self._beat, headers=self._headers)
            with self._connection.getresponse() as answer:
                answer.read()
            assert answer.status in self._statuses
        return time.process_time() - begun

    def close(self) -> None:
        self._connection.close()


@pytest.mark.tinydb
def test_a_right_token_costs_a_heartbeat_little_and_a_wrong_one_costs_less(tmp_path: Path) -> None:
    asking, trusting = RunningServer(tmp_path / "asking"), RunningServer(tmp_path / "other", policy=Policy.NEVER)
    asking.token("admin")
    secret = asking.token("agent", agent_id="a")
    asking_http, trusting_http = ThreadedServer(asking.http.app), ThreadedServer(trusting.http.app)
    agents = (
        Agent(trusting_http.url, secret),
        Agent(asking_http.url, secret),
        Agent(asking_http.url, f"{secret[:-1]}!", statuses=(401, 429)),
    )
    # Other work on the machine comes and goes: what is reached once is what it costs.
    measured = [_costs(agents)]
    while len(measured) < 4 and not _is_cheap(*measured[-1]):
        measured.append(_costs(agents))
    for agent in agents:
        agent.close()
    for http_server in (asking_http, trusting_http):
        http_server.stop()
    for server in (asking, trusting):
        server.close()
    assert any(_is_cheap(*ratios) for ratios in measured), measured


def _costs(agents: Sequence[Agent]) -> tuple[float, float]:
    """Return what a token adds to a heartbeat, and what a wrong one costs of a right one: of neighbours in time."""
    rounds = [[agent.seconds() for agent in agents] for _ in range(40)]
    return median(right / without for without, right, _ in rounds), median(wrong / right for _, right, wrong in rounds)


def _is_cheap(right: float, wrong: float) -> bool:
    return right < 1.10 and wrong < 1
