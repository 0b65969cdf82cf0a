"""The client. It has a method for each endpoint; they are grouped by noun in `calls/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from cictl.base.web.arriving import arriving
from cictl.base.web.trust import NO_FILES, TlsFiles
from cictl_client.answers import RawResponse
from cictl_client.calls.about.server import ServerCalls
from cictl_client.calls.about.updates import UpdateCalls
from cictl_client.calls.access.audit import AuditCalls
from cictl_client.calls.access.secrets import SecretCalls
from cictl_client.calls.access.tokens import TokenCalls
from cictl_client.calls.access.vault import VaultCalls
from cictl_client.calls.agent_protocol import AgentProtocolCalls
from cictl_client.calls.agents import AgentCalls
from cictl_client.calls.insight import InsightCalls
from cictl_client.calls.jobs import JobCalls
from cictl_client.calls.notifications import NotificationCalls
from cictl_client.calls.pipelines import PipelineCalls
from cictl_client.calls.projects import ProjectCalls
from cictl_client.calls.queue import QueueCalls
from cictl_client.calls.results.artifacts import ArtifactCalls
from cictl_client.calls.results.logs import LogCalls
from cictl_client.calls.results.tests import TestCalls
from cictl_client.calls.retention import RetentionCalls
from cictl_client.calls.runs import RunCalls
from cictl_client.calls.schedules import ScheduleCalls
from cictl_client.calls.worktrees import WorktreeCalls
from cictl_client.retry import Mutations
from cictl_client.transport import Transport


class Client(
    RunCalls,  # before those that it is made of
    AgentCalls,
    AgentProtocolCalls,
    ArtifactCalls,
    AuditCalls,
    InsightCalls,
    JobCalls,
    LogCalls,
    NotificationCalls,
    PipelineCalls,
    ProjectCalls,
    QueueCalls,
    RetentionCalls,
    ScheduleCalls,
    SecretCalls,
    ServerCalls,
    TestCalls,
    TokenCalls,
    UpdateCalls,
    VaultCalls,
    WorktreeCalls,
):
    """A client of one server; usable from several threads, and as a context manager.

    ```python
    from cictl_client import Client

    with Client("http://127.0.0.1:8112") as client:
        for job in client.list_jobs(status="failed").job_executions:
            print(job.id, job.error)
    ```

    Every method raises `Unreachable` when no answer comes, or only one of a proxy (`ForeignAnswer`), `UnexpectedAnswer` when
    the server's answer makes no sense, and a subclass of `ApiError` when the server refuses. Job ids are strings such as `job-1795417944657170849`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        tls: TlsFiles = NO_FILES,
        user_agent: str = "cictl-client",
    ) -> None:
        """Prepare; the first call connects.

        Args:
            base_url: Such as `http://127.0.0.1:8112`; user info becomes Basic authentication.
            token: Sent as a bearer token; it wins over user info.
            timeout: Seconds for connecting and for each wait for bytes.
            retries: How often GET and DELETE are repeated after a broken connection or 502, 503, 504. Unless it is 0, a
                request that changes something and whose answer was lost is repeated for 15 s, too, if the server
                promises not to do it twice. Requests of agents are never repeated.
            tls: The authorities to trust instead of the usual ones, and the certificate to show.
            user_agent: What the server's audit tells of who asked.

        Raises:
            Unreachable: *base_url* is not an http or https URL.
            Unauthenticated: No header can carry *token*.
        """
        self._transport = Transport(
            base_url, token=token, timeout=timeout, retries=retries, tls=tls, user_agent=user_agent
        )
        self._mutations = Mutations(self._transport, repeats=retries > 0)

    @property
    def base_url(self) -> str:
        """The server's URL, without user info and without a slash at its end."""
        return self._transport.base_url

    def __repr__(self) -> str:
        return f"Client({self.base_url!r})"

    def __dir__(self) -> list[str]:
        """Return the names that are for users: an interpreter offers these."""
        return sorted(name for name in super().__dir__() if not name.startswith("_"))

    def server_now(self) -> datetime:
        """Return the time on the server as its last answer told it; that of this machine before the first."""
        return self._transport.clock.now()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, path: str, *, json_body: bytes | None = None, params: Mapping[str, Any] | None = None
    ) -> RawResponse:
        """Send any request, and return the answer as it came; a refusal raises an `ApiError`, as everywhere.

        ```python
        from cictl_client import Client

        with Client("http://127.0.0.1:8112") as client:
            print(client.request("GET", "/api/v1/jobs", params={"view": "summary"}).body.decode())
        ```
        """
        with self.stream_request(method, path, json_body=json_body, params=params) as (head, blocks):
            return head._replace(body=b"".join(blocks))

    @contextmanager
    def stream_request(
        self,
        method: str,
        path: str,
        *,
        json_body: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Iterator[tuple[RawResponse, Iterator[bytes]]]:
        """Send any request; yield its answer without the body, and an iterator of the body's pieces as they come.

        Args:
            timeout: Seconds for each wait for bytes, instead of the client's own.
        """
        headers = {} if json_body is None else {"Content-Type": "application/json"}
        path = path if "://" in path else "/" + path.lstrip("/")
        with self._transport.open(
            method.upper(), path, body=json_body, params=params, headers=headers, timeout=timeout
        ) as response:
            head = RawResponse(status=response.status_code, headers=response.headers)
            yield head, arriving(response)
