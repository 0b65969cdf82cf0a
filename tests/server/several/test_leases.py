"""A lease whose agent moves to another server while the first one reads its secrets."""

from __future__ import annotations

import threading

import falcon.testing
import pytest
from cictl_testing.processes import eventually
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao, own_openbao
from cictl_testing.servers.sharing import SharingServer
from cictl_testing.servers.vault_jobs import connect, enqueue, secret, step

from cictl.wire.agents import LeaseRequest, LeaseResponse
from cictl.wire.codec import decode, encode

__all__ = ["own_openbao"]

Both = tuple[SharingServer, SharingServer]


class Asking:
    """An agent that asks a server for work on a thread."""

    def __init__(self, server: SharingServer) -> None:
        self._app = server.http.app
        self._answers: list[LeaseResponse] = []
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def answer(self) -> LeaseResponse:
        self._thread.join(timeout=60)
        [answer] = self._answers
        return answer

    def _ask(self) -> None:
        client = falcon.testing.TestClient(self._app, headers={"Host": "localhost"})
        body = encode(LeaseRequest(agent_id="a", request_id="r"))
        self._answers.append(decode(client.simulate_post("/api/v1/agent/lease", body=body).content, LeaseResponse))


def test_one_server_reads_the_secrets_of_a_lease(
    both: Both, own_openbao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = both
    monkeypatch.setenv(VARIABLE, SECRET_ID)
    connect(here, own_openbao)
    own_openbao.put("p", k="value")
    own_openbao.freeze()
    job_id = enqueue(here, step({"A": "{{ secret.t }}"}, secret("p")))
    late = Asking(here)
    eventually(lambda: here.job(job_id).status == "leased", what="the claim")
    assert there.lease(request_id="r").message == "agent already has an active job"
    here.clock.step(5)
    again = Asking(there)
    eventually(lambda: there.job(job_id).leased_utc == here.clock(), what="the lease given again")
    own_openbao.thaw()
    assert (late.answer().assigned, again.answer().assigned) == (False, True)
    assert there.report(job_id, "succeeded").status_code == 200
