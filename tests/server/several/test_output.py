"""Output of a job with secrets that reaches a server which did not hand them out."""

from __future__ import annotations

from cictl_testing.servers.sharing import SharingServer

USES = '[{id: make, steps: [{run: x, env: {TOKEN: "{{ secret.deploy }}"}}]}]'


def put(server: SharingServer, value: str) -> None:
    assert server.post("/api/v1/secrets", {"name": "deploy", "value": value}).status_code == 201


def test_secrets_of_an_earlier_attempt_are_not_enough(both: tuple[SharingServer, SharingServer]) -> None:
    here, there = both
    put(here, "the-first-value")
    here.run(here.define(USES))
    job_id = here.leased("a").id
    here.clock.step(45)
    here.services.jobs.expiry.run_once()
    put(here, "the-second-value")
    assert there.leased("b").id == job_id
    text = "say the-second-value and the-first-value\n"
    assert here.report(job_id, "running", "b", output_append=text, output_offset=0).status_code == 200
    hidden = text.replace("the-second-value", "*" * 16).replace("the-first-value", "*" * 15)
    assert (here.log(job_id).decode(), there.log(job_id).decode()) == (hidden, hidden)
