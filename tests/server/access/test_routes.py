"""Every route with every kind of token. A route that is added has to be added to the table, or a test fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cictl_testing.server import RunningServer

from cictl.wire import words
from cictl.wire.admin.access import EnrolmentRequest
from cictl.wire.admin.secrets import SecretRequest
from cictl.wire.admin.vault import VaultConnectionRequest
from cictl.wire.agents import LeaseRequest, LeaseResponse
from cictl.wire.codec import encode
from cictl.wire.forges import ForgeRequest
from cictl.wire.projects import JobTokens, ProjectSettings
from cictl_server.apidoc.operations import operations
from cictl_server.app import ROUTES
from cictl_server.http.access.roles_of_routes import (
    ACROSS_PROJECTS,
    ARTIFACTS_READ_BY_AGENTS,
    LISTED_FOR_JOBS,
    READ_BY_AGENTS,
    ROLES,
    SENT_BY_JOBS,
    STARTED_BY_JOBS,
)
from cictl_server.http.routes import Route as ServedRoute

# The weakest role; whether an agent may, on jobs that it has; whether a token may that is bound to the project which the path
# names (named), or to any (any); whether the token of a job may, on itself (own), on its run (run), or at all (any);
# the project shop lets its jobs start runs.
TABLE = """\
GET    /healthz                                              none      -    any    any
GET    /readyz                                               none      -    any    any
GET    /login                                                none      -    any    any
POST   /login                                                none      -    any    any
POST   /logout                                               none      -    any    any
GET    /badges/{project}/{pipeline}.svg                      none      -    any    any
GET    /cc.xml                                               viewer    -    any    -
GET    /metrics                                              viewer    -    -      -
GET    /api/v1/openapi.json                                  viewer    -    any    -
GET    /api/v1/server-info                                   none      -    any    any
GET    /api/v1/runtime-state                                 viewer    -    any    -
GET    /api/v1/servers                                       viewer    -    any    -
POST   /api/v1/server/restart                                admin     -    -      -
GET    /api/v1/whoami                                        any       yes  any    any
GET    /api/v1/audit                                         admin     -    -      -
GET    /api/v1/tokens                                        admin     -    -      -
POST   /api/v1/tokens                                        admin     -    -      -
DELETE /api/v1/tokens/{token_id}                             admin     -    -      -
POST   /api/v1/tokens/{token_id}/rotate                      admin     -    -      -
POST   /api/v1/update/check                                  admin     -    -      -
POST   /api/v1/update/apply                                  admin     -    -      -
POST   /api/v1/update/rollback                               admin     -    -      -
GET    /api/v1/update/tags                                   viewer    -    -      -
GET    /api/v1/update/status                                 viewer    -    -      -
GET    /api/v1/events                                        viewer    -    any    any
POST   /api/v1/heartbeat                                     agent     yes  -      -
POST   /api/v1/agent/lease                                   agent     yes  -      -
GET    /api/v1/agents                                        viewer    -    any    -
POST   /api/v1/agents/enrolments                             admin     -    -      -
POST   /api/v1/agents/enroll                                 none      -    any    any
GET    /api/v1/agents/{agent_id}                             viewer    -    any    -
DELETE /api/v1/agents/{agent_id}                             operator  -    -      -
POST   /api/v1/agents/{agent_id}/actions                     operator  -    -      -
GET    /api/v1/jobs                                          viewer    -    any    any
POST   /api/v1/jobs/clear-queue                              operator  -    -      -
POST   /api/v1/jobs/flush-history                            operator  -    -      -
GET    /api/v1/jobs/{job_id}                                 viewer    yes  named  run
DELETE /api/v1/jobs/{job_id}                                 operator  -    named  -
POST   /api/v1/jobs/{job_id}/status                          agent     yes  -      -
POST   /api/v1/jobs/{job_id}/cancel                          operator  -    named  -
POST   /api/v1/jobs/{job_id}/priority                        operator  -    named  -
POST   /api/v1/jobs/{job_id}/rerun                           operator  -    named  -
GET    /api/v1/jobs/{job_id}/blocked-by                      viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/explain                         viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/log                             viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/log/lines                       viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/log/search                      viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/worktree                        viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/steps                           viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/tests                           viewer    yes  named  run
POST   /api/v1/jobs/{job_id}/tests                           agent     yes  -      own
GET    /api/v1/jobs/{job_id}/artifacts                       viewer    yes  named  run
POST   /api/v1/jobs/{job_id}/artifacts                       agent     yes  -      own
POST   /api/v1/jobs/{job_id}/artifacts/upload-zip            agent     yes  -      own
GET    /api/v1/jobs/{job_id}/artifacts/download-all          viewer    yes  named  run
GET    /api/v1/jobs/{job_id}/artifacts/download              viewer    yes  named  run
GET    /artifacts/{job_id}/{path}                            viewer    yes  named  run
HEAD   /artifacts/{job_id}/{path}                            viewer    yes  named  run
GET    /api/v1/projects                                      viewer    -    any    any
POST   /api/v1/projects/import                               operator  -    -      -
GET    /api/v1/projects/{project_id}                         viewer    -    named  -
DELETE /api/v1/projects/{project_id}                         operator  -    named  -
GET    /api/v1/projects/{project_id}/forge                   viewer    -    named  -
POST   /api/v1/projects/{project_id}/forge                   admin     -    named  -
DELETE /api/v1/projects/{project_id}/forge                   admin     -    named  -
POST   /api/v1/projects/{project_id}/forge/test              admin     -    named  -
GET    /api/v1/projects/{project_id}/icon                    viewer    -    named  -
POST   /api/v1/projects/{project_id}/inspect                 viewer    -    named  -
POST   /api/v1/projects/{project_id}/settings                operator  -    named  -
POST   /api/v1/projects/{project_id}/reload                  operator  -    named  -
POST   /api/v1/projects/{project_id}/check                   operator  -    named  -
GET    /api/v1/projects/{project_id}/hook                    viewer    -    named  -
POST   /api/v1/projects/{project_id}/hook/rotate             operator  -    named  -
POST   /api/v1/hooks/{project_id}                            none      -    any    any
POST   /api/v1/projects/{project_id}/worktrees               operator  -    named  -
POST   /api/v1/pipelines/{pipeline_id}/run-selection         operator  -    named  any
POST   /api/v1/pipelines/{pipeline_id}/dry-run-preview       viewer    -    named  -
POST   /api/v1/pipelines/{pipeline_id}/eligible-agents       viewer    -    named  -
GET    /api/v1/pipelines/{pipeline_id}/source-refs           viewer    -    named  -
GET    /api/v1/pipelines/{pipeline_id}/version-resolve       viewer    -    named  -
POST   /api/v1/pipelines/{pipeline_id}/schedules/{number}/pause operator  -    named  -
POST   /api/v1/pipelines/{pipeline_id}/schedules/{number}/resume operator  -    named  -
POST   /api/v1/pipelines/{pipeline_id}/schedules/{number}/run operator  -    named  -
POST   /api/v1/pipeline-chains/{chain_id}/run                operator  -    named  any
POST   /api/v1/pipeline-chains/{chain_id}/dry-run-preview    viewer    -    named  -
POST   /api/v1/pipeline-chains/{chain_id}/eligible-agents    viewer    -    named  -
GET    /api/v1/pipeline-chains/{chain_id}/source-refs        viewer    -    named  -
GET    /api/v1/queue                                         viewer    -    -      -
POST   /api/v1/queue/pause                                   operator  -    -      -
POST   /api/v1/queue/resume                                  operator  -    -      -
GET    /api/v1/retention                                     admin     -    -      -
POST   /api/v1/retention                                     admin     -    -      -
GET    /api/v1/retention/preview                             admin     -    -      -
POST   /api/v1/retention/run                                 admin     -    -      -
GET    /api/v1/runs                                          viewer    -    any    any
GET    /api/v1/runs/{run}                                    viewer    -    named  -
GET    /api/v1/runs/{run}/summary                            viewer    -    named  -
POST   /api/v1/runs/{run}/approve                            viewer    -    named  -
POST   /api/v1/runs/{run}/reject                             viewer    -    named  -
POST   /api/v1/runs/{run}/cancel                             operator  -    named  -
POST   /api/v1/runs/{run}/rerun                              operator  -    named  -
POST   /api/v1/runs/{run}/pin                                operator  -    named  -
POST   /api/v1/runs/{run}/unpin                              operator  -    named  -
GET    /api/v1/schedules                                     viewer    -    any    -
GET    /api/v1/notifications                                 admin     -    any    -
POST   /api/v1/projects/{project_id}/notifications/test      admin     -    named  -
GET    /api/v1/tests                                         viewer    -    any    -
GET    /api/v1/insight                                       viewer    -    any    -
GET    /api/v1/secrets                                       viewer    -    -      -
POST   /api/v1/secrets                                       admin     -    -      -
POST   /api/v1/secrets/rotate-key                            admin     -    -      -
DELETE /api/v1/secrets/{secret_id}                           admin     -    -      -
GET    /api/v1/vault/connections                             viewer    -    -      -
POST   /api/v1/vault/connections                             admin     -    -      -
DELETE /api/v1/vault/connections/{connection_id}             admin     -    -      -
POST   /api/v1/vault/connections/{connection_id}/test        admin     -    -      -
"""

RANKS = ("viewer", "operator", "admin")
PASSED, UNKNOWN_CALLER, REFUSED, HIDDEN = "passed", 401, 403, 404


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    role: str
    agent: str
    bound: str
    job: str

    def expected(self, kind: str) -> str | int:
        """Return what a token of this kind gets."""
        if self.role == "none":
            return PASSED
        if kind in ("none", "wrong", "expired", "revoked"):
            return UNKNOWN_CALLER
        if self.role == "any":
            return PASSED
        if kind in ("agent", "other agent"):
            return self._of_agent(is_own=kind == "agent")
        if kind.startswith("job"):
            return self._of_job(kind)
        role = kind.split()[-1]
        if role not in RANKS or self.role not in RANKS or RANKS.index(role) < RANKS.index(self.role):
            return REFUSED
        return self._of_bound(kind.split()[0]) if " " in kind else PASSED

    def _of_agent(self, *, is_own: bool) -> str | int:
        if self.agent != "yes":
            return REFUSED
        return PASSED if is_own else HIDDEN if "{job_id}" in self.path else REFUSED

    def _of_job(self, kind: str) -> str | int:
        reached = {"job": ("own", "run", "any"), "job of its run": ("run", "any"), "job of another run": ("any",)}
        if self.job in reached[kind]:
            return PASSED
        return REFUSED if self.job == "-" else HIDDEN

    def _of_bound(self, project: str) -> str | int:
        if self.bound == "named":
            return PASSED if project == "shop" else HIDDEN
        return PASSED if self.bound == "any" else REFUSED


TABLE_ROUTES = [Route(*line.split()) for line in TABLE.splitlines()]


class Stage:
    """A server with two projects and a token of each kind.

    The agent a runs a job of the project shop, c another one of the same run, d one of another run; b runs nothing.
    """

    def __init__(self, directory: Path) -> None:
        self.server = server = RunningServer(directory)
        jobs = "jobs: [{id: j, steps: [{run: ls}]}, {id: k, steps: [{run: ls}]}]"
        daily = "on: {schedule: [{cron: '@daily'}]}"
        project = f"pipelines: [{{id: p, {daily}, {jobs}}}]\npipeline_chains: [{{id: c, pipelines: [p]}}]"
        self.ids = server.define_project(project, repo_url=str(directory / "nothing"))
        server.define_project(project, name="other", repo_url=str(directory / "nothing"))
        server.services.projects.projects.change_settings(1, ProjectSettings(job_tokens=JobTokens.START))
        for agent_id in ("a", "b"):
            server.heartbeat(agent_id)
        for _ in range(2):
            server.run(self.ids["p"])
        vault = VaultConnectionRequest(name="v", url="http://127.0.0.1:1", role_id="r", secret_id_env="CICTL_VAULT_V")
        assert server.post("/api/v1/vault/connections", vault).status_code == 201
        assert server.post("/api/v1/secrets", SecretRequest(name="deploy", value="x")).status_code == 201
        forge = ForgeRequest(kind="github", api="https://127.0.0.1:9", token="t", repository="tea/shop")
        server.services.forges.forges.set(1, forge)
        self.secrets = self._secrets()
        self._run_job()
        server.clock.step(1)
        server.services.core.hub.close()  # no stream begins, and no lease waits

    def _run_job(self) -> None:
        leases = [self._lease(agent_id) for agent_id in ("a", "c", "d")]
        kinds = ("job", "job of its run", "job of another run")
        self.secrets |= {kind: lease.job_token for kind, lease in zip(kinds, leases, strict=True)}
        assert leases[0].job_execution
        self.job, self.lease_token = leases[0].job_execution.id, leases[0].lease_token
        for path, body in {
            "status": b'{"agent_id":"a","status":"running"}',
            "artifacts": b'{"agent_id":"a","artifacts":[{"path":"out","data_base64":""}]}',
        }.items():
            headers = {words.LEASE_TOKEN: self.lease_token}
            agent = self.secrets["agent"]
            answer = self.server.ask("POST", f"/api/v1/jobs/{self.job}/{path}", agent, headers=headers, body=body)
            assert answer.status_code == 200, answer.text

    def _secrets(self) -> dict[str, str]:
        server = self.server
        secrets = {
            "admin": server.token("admin"),
            "operator": server.token("operator"),
            "viewer": server.token("viewer"),
            "agent": server.token("agent", agent_id="a"),
            "other agent": server.token("agent", name="b", agent_id="b"),
            "enrolment": server.services.access.tokens.create_enrolment(EnrolmentRequest(), created_by="").token,
            "shop viewer": server.token("viewer", name="sv", projects=["shop"]),
            "shop operator": server.token("operator", name="so", projects=["shop"]),
            "other viewer": server.token("viewer", name="ov", projects=["other"]),
            "other operator": server.token("operator", name="oo", projects=["other"]),
        }
        for secret in secrets.values():  # so that no use has to be noted later
            assert server.ask("GET", "/api/v1/whoami", secret).status_code == 200
        secrets |= {"none": "", "wrong": "x", "expired": server.token("admin", name="old", ttl_seconds=1)}
        secrets["revoked"] = server.token("admin", name="gone")
        revoked = server.services.access.authentication.find(secrets["revoked"])
        assert revoked is not None
        server.services.access.tokens.revoke(revoked.token_id)
        return secrets

    def _lease(self, agent_id: str) -> LeaseResponse:
        """Lease the next execution as our own agents do."""
        answer = self.server.services.jobs.leasing.lease(LeaseRequest(agent_id=agent_id, sends_token=True))
        assert answer.job_token
        return answer

    def send(self, route: Route, kind: str) -> int:
        path = route.path.format(
            token_id=1,
            secret_id=1,
            run=1,
            agent_id="a",
            job_id=self.job,
            path="out",
            project_id=1,
            pipeline_id=self.ids["p"],
            chain_id=self.ids["c"],
            connection_id=1,
            number=1,
            project="shop",
            pipeline="p",
        )
        headers = {"X-CIWI-Agent-ID": "a", "Accept": "application/json"}
        if kind == "agent":
            headers[words.LEASE_TOKEN] = self.lease_token
        body = encode({"agent_id": "a", "status": "running", "action": "activate"})
        if route.path.endswith("/upload-zip"):
            body = b""
        query = "prefix=out" if route.path.endswith("/download") else ""
        secret = self.secrets[kind]
        return self.server.ask(route.method, path, secret, headers=headers, body=body, query_string=query).status_code


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[Iterator[Stage]]:
    """Yields new stages, one after the other, and closes them."""
    made: list[Stage] = []

    def more() -> Iterator[Stage]:
        while True:
            made.append(Stage(tmp_path / str(len(made))))
            yield made[-1]

    yield more()
    for stage in made:
        stage.server.close()


KINDS = (
    "none",
    "wrong",
    "expired",
    "revoked",
    "admin",
    "operator",
    "viewer",
    "agent",
    "other agent",
    "enrolment",
    "shop viewer",
    "shop operator",
    "other viewer",
    "other operator",
    "job",
    "job of its run",
    "job of another run",
)


@pytest.mark.tinydb
@pytest.mark.parametrize("route", TABLE_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_kind_of_token_gets_what_the_table_says(route: Route, stages: Iterator[Stage]) -> None:
    refused = [kind for kind in KINDS if route.expected(kind) != PASSED]
    stage = next(stages)
    before = stage.server.content()
    assert {kind: stage.send(route, kind) for kind in refused} == {kind: route.expected(kind) for kind in refused}
    assert stage.server.content() == before, "a refusal changes nothing"
    told = [kind for kind in refused if route.expected(kind) in (401, 403)]
    assert len(stage.server.audit(action="auth.refused")) == len(told), "and the audit has each"
    for kind in KINDS:
        if kind not in refused:
            status = (stage if route.method == "GET" else next(stages)).send(route, kind)  # a look changes nothing
            if route.path not in EMPTY_HANDED:
                assert status not in (401, 403, 404, 429), kind
            else:
                assert status in EMPTY_HANDED[route.path], kind


EMPTY_HANDED = {
    "/api/v1/projects/{project_id}/icon": (404,),
    "/api/v1/jobs/{job_id}/worktree": (404,),
    "/api/v1/agents/enroll": (403,),
    "/api/v1/hooks/{project_id}": (404,),
    "/badges/{project}/{pipeline}.svg": (200, 404),
}
"""Routes that answer so to those who may use them, too: there is no icon, no working tree, no enrolment token in the body, and no
signature.

To whom badges are shown is in `tests/server/runs/test_badges.py`.
"""


def test_the_table_has_every_route() -> None:
    told = {f"{o.method.upper()} {o.path}": o.role.value for o in operations(ROUTES)}
    assert told == {f"{route.method} {route.path}": route.role for route in TABLE_ROUTES}


def test_no_rule_is_about_a_route_that_is_gone() -> None:
    known = {f"{o.method.upper()} {o.path}" for o in operations(ROUTES)}
    rules = (
        ROLES,
        READ_BY_AGENTS,
        ARTIFACTS_READ_BY_AGENTS,
        SENT_BY_JOBS,
        LISTED_FOR_JOBS,
        STARTED_BY_JOBS,
        ACROSS_PROJECTS,
    )
    assert not {route for rule in rules for route in rule} - known


def test_a_route_without_a_role_is_named() -> None:
    [operation] = operations([ServedRoute("/bare", "resources.about.server.HealthResource")])
    with pytest.raises(LookupError, match=r"GET /bare lacks a role: see cictl_server/http/access/roles_of_routes\.py"):
        _ = operation.role
