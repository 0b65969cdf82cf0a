"""Answers of proxies and other programs between client and server: an outage, never a verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, marked, page, problem, refusal, reply

from cictl.wire.admin.server import Health
from cictl.wire.jobs import JobState, JobStateResponse, JobStatus
from cictl.wire.problems import PROBLEM_JSON, Code
from cictl.wire.projects import RunRequest
from cictl.wire.results.artifacts import Artifact
from cictl_client import Client, ForeignAnswer, InvalidRequest, NotFound, ServerError
from cictl_client.probe import Probe

JOB = "GET /api/v1/jobs/job-1"
LOG = "GET /api/v1/jobs/job-1/log"
INFO = "GET /api/v1/server-info"
DONE = reply(JobStateResponse(job_execution=JobState(id="job-1", status=JobStatus.SUCCEEDED, log_size=0)))
NGINX = "<html>\n<center><h1>{0}</h1></center>\n<hr><center>nginx/1.22.1</center>"
HAPROXY = (
    "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)
GO_404 = refusal(404, "404 page not found")

PAGES = [
    pytest.param(GO_404, "a Traefik page: 404; does the address", id="go-404"),
    pytest.param(refusal(404, "Not Found"), "not a cictl server's answer 'Not Found': 404", id="go-text"),
    pytest.param(page(403, body=NGINX.format("403 Forbidden"), Server="nginx"), "an nginx page: 403", id="nginx-403"),
    pytest.param(page(404, body=NGINX.format("404")), "an nginx page: 404; does the address have", id="nginx-body"),
    pytest.param(page(409, "text/plain", "Conflict"), "not a cictl server's answer 'Conflict': 409", id="409"),
    pytest.param(page(401, Server="Apache/2.4"), "an Apache page: 401; it wants a user and a pass", id="apache-401"),
    pytest.param(page(502, "text/plain", "", Server="Caddy"), "a Caddy page: 502; the server behind", id="caddy"),
    pytest.param(refusal(502, "Bad Gateway"), "a Traefik page: 502; the server behind", id="traefik"),
    pytest.param(page(503, body=HAPROXY), "an HAProxy page: 503; the server behind", id="haproxy"),
    pytest.param(page(429, Server="cloudflare"), "a Cloudflare page: 429; it allows no more", id="cloudflare"),
    pytest.param(page(200, body="<html>Sign in"), "a web page: 200; perhaps the network wants", id="sign-in"),
    pytest.param(reply(b'{"ok":true}'), "not a cictl server's answer: 200; perhaps", id="other-json"),
    pytest.param(
        Reply((b'{"status":404,"title":"gone"}',), status=404, kind=PROBLEM_JSON),
        "not a cictl server's answer: 404",
        id="problem-of-others",
    ),
]


@pytest.mark.parametrize(("foreign", "told"), PAGES)
def test_wait_goes_on_through_it(client: Client, server: AnsweringServer, foreign: Reply, told: str) -> None:
    server.on(JOB, foreign, DONE)
    lost: list[Exception] = []
    assert client.wait_for_job("job-1", poll=0, on_reconnect=lost.append).status is JobStatus.SUCCEEDED
    [error] = lost
    assert type(error) is ForeignAnswer
    assert f"cannot reach {server.url}: {told}" in str(error)


@pytest.mark.parametrize(("foreign", "told"), PAGES)
def test_probe_is_not_taken_in(server: AnsweringServer, foreign: Reply, told: str) -> None:
    server.on("GET /healthz", foreign)
    with pytest.raises(ForeignAnswer) as caught:
        Probe(server.url).get(Health, "/healthz")
    assert told in str(caught.value)


@pytest.mark.parametrize(("foreign", "told"), PAGES)
def test_change_is_not_taken_for_refused(client: Client, server: AnsweringServer, foreign: Reply, told: str) -> None:
    server.on("POST /api/v1/jobs/job-1/cancel", foreign)
    with pytest.raises(ForeignAnswer) as caught:
        client.cancel_job("job-1")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("server_header", "setting"),
    [
        pytest.param("nginx/1.22.1", "client_max_body_size", id="nginx"),
        pytest.param("openresty", "client_max_body_size", id="openresty"),
        pytest.param("Apache", "LimitRequestBody", id="apache"),
        pytest.param("Caddy", "request_body max_size", id="caddy"),
        pytest.param("", "its limit for the size of requests", id="unknown"),
    ],
)
def test_limit_of_a_proxy_is_named(client: Client, server: AnsweringServer, server_header: str, setting: str) -> None:
    server.on("POST /api/v1/jobs/job-1/cancel", page(413, Server=server_header))
    with pytest.raises(ForeignAnswer, match=f"page: 413; raise {setting}"):
        client.cancel_job("job-1")


CANCEL = ("POST /api/v1/jobs/job-1/cancel", lambda client: client.cancel_job("job-1"))
RUN = ("POST /api/v1/pipelines/7/run-selection", lambda client: client.run_pipeline(7, RunRequest()))


@pytest.mark.parametrize(
    ("request_", "call", "answer", "kind"),
    [
        pytest.param(*CANCEL, refusal(404, "job not found"), NotFound, id="unknown-job"),
        pytest.param(*RUN, refusal(400, "fatal: repository not found\nsecond line"), InvalidRequest, id="gits-words"),
        pytest.param(*RUN, refusal(500, "database is locked"), ServerError, id="database"),
        pytest.param(*RUN, refusal(404, "pipeline not found"), NotFound, id="unknown-pipeline"),
        pytest.param(*CANCEL, marked(page(404)), NotFound, id="marked"),
        pytest.param(*CANCEL, problem(404, Code.NOT_FOUND, "job not found"), NotFound, id="code-without-mark"),
    ],
)
def test_what_the_server_itself_says_decides(
    client: Client,
    server: AnsweringServer,
    request_: str,
    call: Callable[[Client], object],
    answer: Reply,
    kind: type[Exception],
) -> None:
    server.on(request_, answer)
    with pytest.raises(kind) as caught:
        call(client)
    assert not isinstance(caught.value, ForeignAnswer)


def test_missing_route_counts_once_the_server_has_named_itself(client: Client, server: AnsweringServer) -> None:
    with pytest.raises(NotFound):
        client.explain_job("job-1")
    asked = [f"{seen.method} {seen.path}" for seen in server.seen]
    assert asked == ["GET /api/v1/jobs/job-1/explain", INFO, "GET /api/v1/jobs/job-1/explain"]


@pytest.mark.parametrize(
    "info", [GO_404, marked(reply(b'{"name":"cictl","api_version":1,"version":"1"}'))], ids=["away", "cictl"]
)
def test_missing_route_counts_for_nothing_else(client: Client, server: AnsweringServer, info: Reply) -> None:
    server.on(INFO, info)
    with pytest.raises(ForeignAnswer):
        client.explain_job("job-1")


def test_page_does_not_become_an_artifact(client: Client, server: AnsweringServer, tmp_path: Path) -> None:
    listed = b'{"artifacts":[{"id":1,"job_execution_id":"job-1","path":"a","url":"/artifacts/job-1/a","size_bytes":3}]}'
    server.on("GET /api/v1/jobs/job-1/artifacts", marked(reply(listed)))
    server.on("GET /artifacts/job-1/a", page(200, body="<html>Sign in"), marked(Reply((b"yes",))))
    [artifact] = client.list_artifacts("job-1")
    client.fetch_artifact(artifact, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"yes"


def test_reports_of_the_reference_may_be_pages(client: Client, server: AnsweringServer, tmp_path: Path) -> None:
    server.on("GET /artifacts/job-1/a.html", page(200, body="<html>"))
    artifact = Artifact(id=1, job_execution_id="job-1", path="a.html", url="/artifacts/job-1/a.html", size_bytes=6)
    assert client.fetch_artifact(artifact, tmp_path / "a.html") == 6
