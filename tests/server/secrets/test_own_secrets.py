"""Secrets that the server keeps itself: sealed in its store, opened for the agent of a job alone."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cictl_testing.server import RunningServer

from cictl.wire.jobs import JobExecution, JobStatus
from cictl_server.services.secrets.own.sealing import CannotOpen, KeyRing, Sealed, SealingKey
from cictl_server.store.contract import Transaction

VALUE = "s3cr3t-hunter2-value"
USES = '[{id: make, steps: [{run: x, env: {TOKEN: "a {{ secret.deploy }} b"}}]}]'


def put(server: RunningServer, value: str = VALUE, **fields: Any) -> dict[str, Any]:
    answer = server.post("/api/v1/secrets", {"name": "deploy", "value": value, **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json["secret"]
    return found


def leased(server: RunningServer, pipeline: int, **run: Any) -> JobExecution:
    """Run the pipeline, and return its execution as its agent gets it."""
    server.run(pipeline, **run)
    return server.leased()


def refusal(server: RunningServer, pipeline: int, **run: Any) -> str:
    """Run the pipeline, and return why its execution failed at the lease."""
    [job_id] = server.run(pipeline, **run)
    assert not server.lease().assigned
    job = server.job(job_id)
    assert job.status is JobStatus.FAILED
    return job.error.removeprefix("secret resolution failed before execution: ")


def test_a_step_gets_the_value_and_nothing_on_disk_has_it(server: RunningServer) -> None:
    answer = put(server)
    assert set(answer) == {"id", "name", "created_utc", "updated_utc"}
    job = leased(server, server.define(USES))
    assert job.step_plan[0].env == {"TOKEN": f"a {VALUE} b"}
    assert job.sensitive_values == [VALUE]
    server.report(job.id, "succeeded", output=f"{VALUE}\n")
    assert server.log(job.id) == b"*" * len(VALUE) + b"\n"
    server.close()
    assert not [path for path in server.directory.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
    server.start()
    assert leased(server, 1).step_plan[0].env == {"TOKEN": f"a {VALUE} b"}, "it survives a restart"


def test_a_service_gets_the_value(server: RunningServer) -> None:
    put(server)
    service = '{name: db, image: pg, env: {PASSWORD: "{{ secret.deploy }}", USER: u}}'
    pipeline = server.define(f"[{{id: make, services: [{service}], steps: [{{run: x}}]}}]")
    server.heartbeat(capabilities={"cictl.services": "1"})
    job = leased(server, pipeline)
    assert job.services[0].env == {"PASSWORD": VALUE, "USER": "u"}
    assert (job.sensitive_values, job.facts.has_secrets) == ([VALUE], True)
    assert server.job(job.id).services[0].env == {"PASSWORD": "{{ secret.deploy }}", "USER": "u"}


def test_a_service_without_its_secret_fails_its_job(server: RunningServer) -> None:
    service = '{name: db, image: pg, env: {PASSWORD: "{{ secret.deploy }}"}}'
    server.heartbeat(capabilities={"cictl.services": "1"})
    refused = refusal(server, server.define(f"[{{id: make, services: [{service}], steps: [{{run: x}}]}}]"))
    assert 'secret "deploy"' in refused


def test_a_name_that_two_projects_have_gets_no_secret(server: RunningServer) -> None:
    for _ in range(2):
        server.define(USES)
    answer = server.post("/api/v1/secrets", {"name": "deploy", "value": VALUE, "project": "shop"})
    assert (answer.status_code, "1 (https://" in answer.text, "2 (https://" in answer.text) == (409, True, True)
    assert put(server, project="2")["project_id"] == 2


def test_a_list_tells_no_values(server: RunningServer) -> None:
    put(server)
    answer = server.get("/api/v1/secrets")
    assert [secret["name"] for secret in answer.json["secrets"]] == ["deploy"]
    assert VALUE not in answer.text
    assert "sealed" not in answer.text


def test_a_project_has_its_own_before_everybodys(server: RunningServer) -> None:
    pipeline = server.define(USES)
    put(server, "everybody's")
    put(server, "the shop's", project="shop")
    assert leased(server, pipeline).step_plan[0].env == {"TOKEN": "a the shop's b"}


def test_no_other_project_gets_it(server: RunningServer) -> None:
    server.define(USES)
    other = server.define(USES)
    put(server, project="1")
    assert refusal(server, other) == 'secret "deploy" is not set; `cictl secrets set deploy` sets it'


@pytest.mark.parametrize(
    ("patterns", "ref", "gets"),
    [
        pytest.param(["main"], "main", True, id="its branch"),
        pytest.param(["release/*"], "refs/heads/release/1", True, id="a pattern"),
        pytest.param([], "topic", True, id="any branch"),
        pytest.param(["main"], "topic", False, id="another branch"),
        pytest.param(["main"], "refs/tags/main", False, id="a tag of that name"),
    ],
)
def test_branches(server: RunningServer, patterns: list[str], ref: str, gets: bool) -> None:
    put(server, branches=patterns)
    server.run(server.define(USES))

    def change(tx: Transaction) -> str:
        [record] = tx.jobs.iter_all()
        tx.jobs.put(msgspec.structs.replace(record, metadata=record.metadata | {"pipeline_source_ref_raw": ref}))
        return record.id

    job_id = server.store.write(change)
    answer = server.lease()
    assert answer.assigned is gets
    if not gets:
        assert "is for branch main only, and this run builds" in server.job(job_id).error


def test_branches_stay_with_a_new_value(server: RunningServer) -> None:
    put(server, branches=["main"])
    assert put(server, "another")["branches"] == ["main"]
    assert "branches" not in put(server, branches=[])
    assert len(server.get("/api/v1/secrets").json["secrets"]) == 1


def test_a_removed_secret_is_gone(server: RunningServer) -> None:
    secret = put(server)
    assert server.http.simulate_delete(f"/api/v1/secrets/{secret['id']}").json["deleted"] is True
    assert server.http.simulate_delete(f"/api/v1/secrets/{secret['id']}").status_code == 404
    assert "is not set" in refusal(server, server.define(USES))


def test_the_secrets_of_a_project_go_with_it(server: RunningServer) -> None:
    server.define(USES)
    put(server)
    put(server, project="1")
    assert server.http.simulate_delete("/api/v1/projects/1").status_code == 204
    assert [secret.get("project_id", 0) for secret in server.get("/api/v1/secrets").json["secrets"]] == [0]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        pytest.param({"name": "a b", "value": "x"}, 400, "name must have", id="name"),
        pytest.param({"name": "a", "value": " "}, 400, "value must not be blank", id="blank"),
        pytest.param({"name": "a", "value": "x" * 70_000}, 400, "at most 65536 bytes", id="long"),
        pytest.param({"name": "a", "value": "x\0y"}, 400, "none of them NUL", id="NUL"),
        pytest.param({"name": "a", "value": "x", "branches": ["a b"]}, 400, "branches must be", id="branch"),
        pytest.param({"name": "a", "value": "x", "project": "nobody"}, 404, "project not found", id="project"),
    ],
)
def test_what_cannot_be_a_secret(server: RunningServer, body: dict[str, Any], status: int, text: str) -> None:
    answer = server.post("/api/v1/secrets", body)
    assert answer.status_code == status
    assert text in answer.text
    assert server.get("/api/v1/secrets").json == {"secrets": []}


def test_the_key_is_for_the_server_alone(server: RunningServer) -> None:
    put(server)
    path = server.directory / "secrets.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(server.directory.glob(".secrets.key*"))


def test_a_new_key_seals_all_anew(server: RunningServer) -> None:
    put(server)
    before = (server.directory / "secrets.key").read_text()
    answer = server.post("/api/v1/secrets/rotate-key")
    assert (answer.status_code, answer.json["secrets"]) == (200, 1)
    after = (server.directory / "secrets.key").read_text()
    assert len(after.splitlines()) == 2
    assert not set(before.splitlines()[1:]) & set(after.splitlines()[1:])
    server.restart()
    assert leased(server, server.define(USES)).sensitive_values == [VALUE]


def test_a_rotation_that_was_cut_off_loses_nothing(server: RunningServer) -> None:
    put(server)
    server.services.secrets.own.keys.begin_rotation()
    server.restart()
    assert leased(server, server.define(USES)).sensitive_values == [VALUE]
    assert server.post("/api/v1/secrets/rotate-key").status_code == 200
    assert len((server.directory / "secrets.key").read_text().splitlines()) == 2


def test_without_its_key_a_job_fails_and_says_why(server: RunningServer) -> None:
    put(server)
    (server.directory / "secrets.key").unlink()
    assert "can't be opened: it was sealed with key" in refusal(server, server.define(USES))
    assert server.post("/api/v1/secrets/rotate-key").status_code == 400


def test_without_its_key_a_lone_server_takes_secrets_anew(server: RunningServer) -> None:
    put(server)
    put(server, name="other")
    (server.directory / "secrets.key").unlink()
    put(server, "another value")
    assert leased(server, server.define(USES)).sensitive_values == ["another value"]
    assert server.get("/readyz").status_code == 200


def test_a_value_cannot_be_moved_to_another_name(server: RunningServer) -> None:
    put(server)
    put(server, project="", name="other")

    def change(tx: Transaction) -> None:
        deploy, other = tx.secrets.iter_all()
        tx.secrets.put(msgspec.structs.replace(deploy, sealed=other.sealed))

    server.store.write(change)
    assert "it was changed outside of cictl" in refusal(server, server.define(USES))


def test_a_given_key(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    monkeypatch.setenv("CICTL_SECRETS_KEY", old)
    server.restart()
    put(server)
    assert not (server.directory / "secrets.key").exists()
    assert server.post("/api/v1/secrets/rotate-key").status_code == 409
    monkeypatch.setenv("CICTL_SECRETS_KEY", f"{new} {old}")
    server.restart()
    assert server.post("/api/v1/secrets/rotate-key").status_code == 200
    monkeypatch.setenv("CICTL_SECRETS_KEY", new)
    server.restart()
    assert leased(server, server.define(USES)).sensitive_values == [VALUE]


def test_a_given_key_that_is_none(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CICTL_SECRETS_KEY", "hunter2")
    server.restart()
    answer = server.post("/api/v1/secrets", {"name": "a", "value": "x"})
    assert answer.status_code == 500
    assert "CICTL_SECRETS_KEY does not hold keys" in answer.text


def test_sealing_is_never_the_same_twice(tmp_path: Path) -> None:
    key = KeyRing(tmp_path, {}).sealing()
    one, two = key.seal("x", bound_to="a"), key.seal("x", bound_to="a")
    assert one.text != two.text
    assert key.open(one, bound_to="a") == key.open(two, bound_to="a") == "x"
    with pytest.raises(CannotOpen):
        key.open(one, bound_to="b")
    flipped = bytearray(base64.b64decode(one.text))
    flipped[-1] ^= 1
    with pytest.raises(CannotOpen):
        key.open(Sealed(key_id=key.id, text=base64.b64encode(flipped).decode()), bound_to="a")
    assert key.written not in repr(key)
    assert SealingKey(key.value).id == key.id
