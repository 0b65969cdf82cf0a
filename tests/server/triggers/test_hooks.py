"""Webhooks: whose count, and that they do nothing but wake the watcher."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import falcon.testing
import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer

from cictl.wire.codec import decode
from cictl.wire.triggers import HookSecret, ProjectHook
from cictl_server.services.triggers.signatures import standard_key

FILE = """\
version: 1
project: {name: shop}
pipelines: [{id: build, trigger: vcs, vcs_source: {repo: self}, jobs: [{id: j, steps: [{run: x}]}]}]
"""
BODY = b'{"ref":"refs/heads/main"}'
KINDS = ("github", "gitea", "forgejo", "gitlab", "gitlab signed", "standard")


def mac(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def headers(kind: str, secret: str, body: bytes, server: RunningServer, *, delivery: str = "1") -> dict[str, str]:
    """Return what a forge of this kind sends with *body*."""
    digest, sent = mac(secret, body), str(int(server.clock().timestamp()))
    of_github = {"X-Hub-Signature-256": f"sha256={digest.hex()}", "X-GitHub-Delivery": delivery}
    of_gitea = {**of_github, "X-Gitea-Signature": digest.hex(), "X-Gitea-Delivery": delivery}
    signature = base64.b64encode(mac(secret, f"{delivery}.{sent}.".encode() + body)).decode()
    standard = {"webhook-id": delivery, "webhook-timestamp": sent, "webhook-signature": f"v1,bm8= v1,{signature}"}
    return {
        "github": of_github,
        "gitea": of_gitea,
        "forgejo": {**of_gitea, "X-Forgejo-Signature": digest.hex()},
        "gitlab": {"X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": delivery},
        "gitlab signed": {**standard, "X-Gitlab-Token": "something else"},
        "standard": standard,
    }[kind]


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "git")
    made.commit({"cictl.yaml": FILE})
    return made


@pytest.fixture
def hooked(server: RunningServer, origin: Origin) -> Iterator[RunningServer]:
    """A server that does not poll, with a project that it has looked at."""
    server.restart_with(poll_seconds=0)
    import_project(server, origin.url)
    assert server.post("/api/v1/projects/1/check").status_code == 200
    server.clock.step(1)
    yield server
    server.services.triggers.rounds.close()


def rotate(server: RunningServer) -> HookSecret:
    answer = server.post("/api/v1/projects/1/hook/rotate")
    assert answer.status_code == 200, answer.text
    return decode(answer.content, HookSecret)


def send(server: RunningServer, sent: dict[str, str], body: bytes = BODY, project: int = 1) -> falcon.testing.Result:
    return server.http.simulate_post(f"/api/v1/hooks/{project}", body=body, headers=sent)


def is_wanted(server: RunningServer) -> bool:
    """Tell whether a look at the project is due."""
    return server.services.projects.looks.find(1) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_webhook_wakes_the_watcher(hooked: RunningServer, kind: str) -> None:
    secret = rotate(hooked).secret
    assert not is_wanted(hooked)
    answer = send(hooked, headers(kind, secret, BODY, hooked))
    assert (answer.status_code, answer.content) == (202, b"")
    assert is_wanted(hooked)
    shown = hooked.read(ProjectHook, "/api/v1/projects/1/hook")
    assert (shown.has_secret, shown.last_hook_utc) == (True, hooked.clock())
    assert hooked.get("/api/v1/projects/1").json["project"]["last_hook_utc"]


@pytest.mark.parametrize("kind", KINDS)
def test_any_other_webhook_is_told_nothing(hooked: RunningServer, kind: str) -> None:
    secret = rotate(hooked).secret
    good = headers(kind, secret, BODY, hooked)
    refused = [
        send(hooked, headers(kind, "another secret", BODY, hooked)),
        send(hooked, good, project=9),
        send(hooked, {name: text[:-1] for name, text in good.items()}),
        send(hooked, {}),
    ]
    if kind != "gitlab":  # its token says nothing of the body
        refused += [send(hooked, good, BODY[:-1]), send(hooked, good, BODY + b" ")]
    assert {(answer.status_code, answer.text) for answer in refused} == {(404, "webhook not found\n")}
    assert not is_wanted(hooked)


def test_without_a_secret_no_webhook_counts(hooked: RunningServer) -> None:
    assert send(hooked, headers("github", "", BODY, hooked)).status_code == 404
    shown = hooked.read(ProjectHook, "/api/v1/projects/1/hook")
    assert (shown.url, shown.has_secret) == ("http://localhost/api/v1/hooks/1", False)


def test_the_signature_of_a_forge_is_checked_alone(hooked: RunningServer) -> None:
    """A right one of another forge beside it does not help."""
    secret = rotate(hooked).secret
    sent = headers("forgejo", secret, BODY, hooked) | {"X-Forgejo-Signature": "0" * 64}
    assert send(hooked, sent).status_code == 404
    sent = headers("gitlab", secret, BODY, hooked) | {"webhook-signature": "v1,bm8="}
    assert send(hooked, sent).status_code == 404


@pytest.mark.parametrize(("seconds", "status"), [(300, 202), (301, 404), (-300, 202), (-301, 404)])
def test_a_standard_webhook_is_at_most_five_minutes_old(hooked: RunningServer, seconds: int, status: int) -> None:
    sent = headers("standard", rotate(hooked).secret, BODY, hooked)
    hooked.clock.step(seconds)
    assert send(hooked, sent).status_code == status


def test_a_delivery_that_comes_again_does_nothing_for_three_days(hooked: RunningServer) -> None:
    sent = headers("github", rotate(hooked).secret, BODY, hooked)
    send(hooked, sent)
    assert hooked.post("/api/v1/projects/1/check").status_code == 200
    hooked.restart()
    assert hooked.post("/api/v1/projects/1/check").status_code == 200
    hooked.clock.step(72 * 3600 - 1)
    assert send(hooked, sent).status_code == 202
    assert not is_wanted(hooked)
    hooked.clock.step(1)
    assert send(hooked, sent).status_code == 202
    assert is_wanted(hooked)


def test_a_rotated_secret_counts_no_more(hooked: RunningServer) -> None:
    first, second = rotate(hooked), rotate(hooked)
    assert send(hooked, headers("github", first.secret, BODY, hooked)).status_code == 404
    assert send(hooked, headers("github", second.secret, BODY, hooked)).status_code == 202
    assert second.standard_webhooks_key == standard_key(second.secret)
    assert base64.b64decode(second.standard_webhooks_key.removeprefix("whsec_")).decode() == second.secret


def test_the_secret_is_sealed_and_in_no_list(hooked: RunningServer) -> None:
    secret = rotate(hooked).secret
    assert secret.encode() not in hooked.stored()
    assert hooked.get("/api/v1/secrets").json["secrets"] == []
    assert hooked.http.simulate_delete("/api/v1/secrets/1").status_code == 404
    assert hooked.post("/api/v1/secrets/rotate-key").json["secrets"] == 1
    assert send(hooked, headers("github", secret, BODY, hooked)).status_code == 202


def test_a_large_webhook_is_taken_and_a_larger_one_is_not(hooked: RunningServer) -> None:
    secret = rotate(hooked).secret
    body = b"x" * (25 << 20)
    assert send(hooked, headers("github", secret, body, hooked), body).status_code == 202
    body = b"x" * (30 << 20)
    assert send(hooked, headers("github", secret, body, hooked), body).status_code == 413


def test_a_webhook_outlives_a_restart(hooked: RunningServer, origin: Origin) -> None:
    """Also on data where what is known of looks outlives it: the webhook itself is in the store."""
    secret = rotate(hooked).secret
    before = hooked.services.projects.looks.find(1)
    assert before is not None
    origin.commit({"cictl.yaml": FILE, "more": "x"})
    assert send(hooked, headers("github", secret, BODY, hooked)).status_code == 202
    hooked.restart()
    hooked.services.projects.looks.note(1, before)
    for _ in range(50):
        hooked.services.triggers.rounds.run_once()
        if hooked.get("/api/v1/runs").json["runs"]:
            break
    [run] = hooked.get("/api/v1/runs").json["runs"]
    assert run["event"] == "push"
    hooked.services.triggers.rounds.close()
    assert [row["value"] for row in hooked.content()["settings"] if row["key"] == "hooks_pending"] == ["{}\n"]


def test_two_webhooks_at_once_start_one_run(hooked: RunningServer, origin: Origin) -> None:
    secret = rotate(hooked).secret
    origin.commit({"cictl.yaml": FILE, "more": "x"})
    begin, statuses = Barrier(2), list[int]()

    def deliver(delivery: str) -> None:
        begin.wait(60)
        sent = headers("github", secret, BODY, hooked, delivery=delivery)
        statuses.append(send(hooked, sent).status_code)
        hooked.services.triggers.checks.check(1)

    threads = [Thread(target=deliver, args=(delivery,)) for delivery in ("1", "2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [202, 202]
    assert len(hooked.get("/api/v1/runs").json["runs"]) == 1


def test_a_webhook_needs_no_token_and_its_secret_an_operator(hooked: RunningServer) -> None:
    admin, viewer = hooked.token("admin"), hooked.token("viewer")
    assert hooked.ask("POST", "/api/v1/projects/1/hook/rotate", viewer).status_code == 403
    secret = hooked.ask("POST", "/api/v1/projects/1/hook/rotate", admin).json["secret"]
    assert send(hooked, headers("github", secret, BODY, hooked)).status_code == 202
    [record] = [one for one in hooked.audit(action="hook.rotated") if one.outcome == "success"]
    assert [(target.kind, target.name) for target in record.targets] == [("project", "shop")]


def test_the_url_is_the_public_one(hooked: RunningServer) -> None:
    hooked.restart_with(public_url="https://ci.example.test/ci/")
    assert rotate(hooked).url == "https://ci.example.test/ci/api/v1/hooks/1"


def test_a_deleted_project_takes_its_webhooks_along(hooked: RunningServer) -> None:
    secret = rotate(hooked).secret
    send(hooked, headers("github", secret, BODY, hooked))
    hooked.http.simulate_delete("/api/v1/projects/1")
    assert send(hooked, headers("github", secret, BODY, hooked, delivery="2")).status_code == 404
    left = [row for row in hooked.content()["settings"] if row["key"].startswith("hook")]
    assert [row["value"] for row in left] == ["{}\n"]
