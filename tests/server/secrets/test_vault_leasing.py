"""Secrets of leased jobs, read from a real OpenBao: which ones arrive, and where they are; the clock is stepped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.origins import Origin, import_project
from cictl_testing.server import RunningServer
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao
from cictl_testing.servers.vault_jobs import CONNECTIONS, FAILED, connect, enqueue, env_of, secret, step

from cictl_server.store.contract import Transaction
from cictl_server.store.records.settings import AnswerRecord

pytestmark = pytest.mark.usefixtures("secret_id")


BUMPING = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: release
    vcs_source: {{repo: '{url}', ref: main}}
    versioning:
      auto_bump: patch
      auto_bump_vcs_token: "{{{{ secret.forge }}}}"
      auto_bump_vault: {{connection: pantry, secrets: [{{name: forge, path: forge, key: token}}]}}
    jobs: [{{id: upload, steps: [{{run: upload}}]}}]
"""


class TestWhatArrives:
    def test_both_versions_of_kv_in_one_job(self, server: RunningServer, pantry: OpenBao) -> None:
        pantry.put("both/two", k="second version")
        pantry.put_v1("both/one", k="first version", other="another")
        first = secret("both/one", name="old", mount="kv1", kv_version=1)
        enqueue(
            server,
            step({"A": "{{ secret.t }}", "B": "plain"}, secret("both/two")),
            step(
                {"C": "x-{{secret.old}}-{{ secret.more }}", "D": "{{ secret.old }}"},
                first,
                {**first, "name": "more", "key": "other"},
            ),
        )
        job = server.leased()
        assert env_of(job) == {"A": "second version", "B": "plain"}
        assert env_of(job, 1) == {"C": "x-first version-another", "D": "first version"}
        assert job.sensitive_values == ["second version", "first version", "another"]  # the longest first
        assert job.metadata["has_secrets"] == "1"

    def test_the_connections_defaults_count(self, server: RunningServer, pantry: OpenBao) -> None:
        pantry.put_v1("defaults", k="by default")
        connect(server, pantry, kv_default_mount="kv1", kv_default_version=1)
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("/defaults")))
        assert env_of(server.leased()) == {"A": "by default"}

    @pytest.mark.weakness("V5")
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            pytest.param("naïve 秘密 🔑", "naïve 秘密 🔑", id="unicode"),
            pytest.param("-----BEGIN\nline\r\n\ttwo\n", "-----BEGIN\nline\r\n\ttwo\n", id="several lines"),
            pytest.param("a" * 65_536, "a" * 65_536, id="64 KiB"),
            pytest.param('{{ secret.t }} "<&>" $x \\', '{{ secret.t }} "<&>" $x \\', id="special characters"),
            pytest.param(12_345_678, "12345678", id="integer"),
            pytest.param(1.5, "1.5", id="fraction"),
            pytest.param(True, "true", id="true"),
            pytest.param(False, "false", id="false"),
            pytest.param({"b": [1, "<é>", None]}, '{"b":[1,"<é>",null]}', id="object"),
            pytest.param([], "[]", id="list"),
            pytest.param("", "", id="empty"),
        ],
    )
    def test_values_arrive_exactly(self, server: RunningServer, pantry: OpenBao, value: object, text: str) -> None:
        pantry.put("exact", k=value)
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("exact")))
        job = server.leased()
        assert env_of(job) == {"A": text}
        assert job.sensitive_values == ([text] if text else [])

    @pytest.mark.weakness("V5")
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            pytest.param(None, 'key "k" is null', id="null"),
            pytest.param("a\0b", 'key "k" holds a NUL, which no environment variable can', id="NUL"),
        ],
    )
    def test_values_that_no_step_can_get(
        self, server: RunningServer, pantry: OpenBao, value: object, text: str
    ) -> None:
        pantry.put("bad", k=value)
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("bad")))
        assert server.lease().message == f'{FAILED}resolve step 1 secret "t": {text}'
        assert server.job(job_id).status == "failed"

    def test_a_secret_that_is_rotated_between_two_jobs(self, server: RunningServer, pantry: OpenBao) -> None:
        for value in ("before", "after"):
            pantry.put("rotated", k=value)
            enqueue(server, step({"A": "{{ secret.t }}"}, secret("rotated")))
            assert env_of(server.leased(f"agent-{value}")) == {"A": value}

    @pytest.mark.weakness("A6.3", "V7")
    def test_steps_that_a_dry_run_skips_get_none(self, server: RunningServer, pantry: OpenBao) -> None:
        pantry.put("dry", k="for the wet run")
        steps = (
            step({"A": "{{ secret.t }}"}, secret("not-there"), skip_dry_run=True),
            step({"A": "{{ secret.t }}"}, secret("dry")),
        )
        enqueue(server, *steps, dry_run=True)
        job = server.leased()
        assert [env_of(job), env_of(job, 1)] == [{"A": "{{ secret.t }}"}, {"A": "for the wet run"}]

    def test_the_token_of_the_automatic_bump(self, server: RunningServer, pantry: OpenBao, tmp_path: Path) -> None:
        pantry.put("forge", token="ghp_from_the_vault")
        origin = Origin(tmp_path)
        origin.commit({"cictl.yaml": BUMPING.format(url=origin.url), "VERSION": "1.4.2\n"})
        [job_id] = server.run(import_project(server, origin.url)["release"])
        job = server.leased()
        assert (job.step_plan[-1].name, env_of(job, -1)) == ("auto bump", {"GITHUB_TOKEN": "ghp_from_the_vault"})
        assert job.sensitive_values == ["ghp_from_the_vault"]
        assert env_of(server.job(job_id), -1) == {"GITHUB_TOKEN": "{{ secret.forge }}"}


class TestWhatFailsAtOnce:
    @pytest.mark.parametrize(
        ("read", "text"),
        [
            pytest.param(secret("nothing"), 'vault read failed: status=404 body={"errors":[]}', id="path"),
            pytest.param(secret("causes", key="other"), 'key "other" not found at causes', id="key"),
            pytest.param(secret("causes", mount="nomount"), "vault read failed: status=403 body=", id="mount"),
            pytest.param(secret("locked"), "vault read failed: status=403 body=", id="permission"),
        ],
    )
    def test_with_the_contracts_text(
        self, server: RunningServer, pantry: OpenBao, read: dict[str, Any], text: str
    ) -> None:
        pantry.put("causes", k="v")
        job_id = enqueue(server, step({}), step({"A": "{{ secret.t }}"}, read))
        answer = server.lease()
        assert answer.message.startswith(f'{FAILED}resolve step 2 secret "t": {text}')
        assert not answer.assigned
        failed = server.job(job_id)
        assert (failed.status, failed.error, failed.cause) == ("failed", answer.message, "secrets_missing")
        assert failed.output == f"[control] {answer.message}"

    def test_with_a_secret_id_that_is_wrong(
        self, server: RunningServer, pantry: OpenBao, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(VARIABLE, "wrong-secret-id")
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        cause = 'vault login failed: status=400 body={"errors":["invalid role or secret ID"]}'
        assert server.lease().message == f'{FAILED}resolve step 1 secret "t": {cause}'

    def test_with_a_variable_that_is_not_set(
        self, server: RunningServer, pantry: OpenBao, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(VARIABLE)
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        cause = "vault secret id not available (configure secret_id_env and set it in process environment)"
        assert server.lease().message == f'{FAILED}resolve step 1 secret "t": {cause}'

    def test_without_the_connection(self, server: RunningServer) -> None:
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        assert server.lease().message == f'{FAILED}resolve vault connection "pantry": vault connection not found'

    def test_what_the_import_lets_nobody_define(self, server: RunningServer, pantry: OpenBao) -> None:
        """Executions of an older server may be like that."""
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("p")))
        change(server, job_id, step_changes={"vault_secrets": []})
        assert server.lease().message == f'{FAILED}step 1 secret "t" is not configured in step vault.secrets'
        change(server, enqueue(server, step({})), env={"A": "{{ secret.t }}"})
        assert server.lease().message == f"{FAILED}secret placeholders are only supported in step env"


def change(server: RunningServer, job_id: str, *, step_changes: dict[str, Any] | None = None, **changes: Any) -> None:
    """Change a stored execution, as no request can."""
    from msgspec.structs import replace

    def store(tx: Transaction) -> None:
        job = tx.jobs.find(int(job_id.removeprefix("job-")))
        assert job is not None
        steps = [replace(one, **(step_changes or {})) for one in job.step_plan]
        tx.jobs.put(replace(job, step_plan=steps, **changes))

    server.store.write(store)


VALUES = ("value-of-the-search-1", "value-of-the-search-2\nwith a second line")


class TestWhereSecretsAre:
    def test_in_the_lease_alone(self, server: RunningServer, pantry: OpenBao, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        pantry.put("search", a=VALUES[0], b=VALUES[1])
        one, two = secret("search", name="one", key="a"), secret("search", name="two", key="b")
        job_id = enqueue(server, step({"A": "{{ secret.one }}{{ secret.two }}"}, one, two))
        leased = server.post("/api/v1/agent/lease", {"agent_id": "a"}, headers={"Idempotency-Key": "key-of-a-lease"})
        assert leased.json["job_execution"]["sensitive_values"] == sorted(VALUES, key=len, reverse=True)
        answers = [server.report(job_id, "running"), server.report(job_id, "succeeded")]
        pipeline = {"pipeline_db_id": 1, "view": "secret_mappings", "test_secrets": True}
        answers += [
            server.post("/api/v1/projects/1/inspect", pipeline),
            server.post(f"{CONNECTIONS}/1/test", {"test_secret": {"path": "search", "key": "a"}}),
            server.post("/api/v1/pipelines/1/dry-run-preview", {}),
            server.post(f"/api/v1/jobs/{job_id}/rerun"),
        ]
        paths = ("jobs", f"jobs/{job_id}", f"jobs/{job_id}/explain", f"jobs/{job_id}/log", "projects/1", "agents")
        answers += [server.get(f"/api/v1/{path}") for path in (*paths, "vault/connections", "jobs?view=summary")]
        assert {answer.status_code for answer in answers} <= {200, 201}
        texts = [answer.text for answer in answers] + [caplog.text, repr(server.services.secrets.sensitive)]
        assert not [text for text in texts if any(needle in text for needle in needles())]
        stored = server.stored()
        assert not [needle for needle in needles() if needle.encode() in stored]

    def test_not_among_the_answers_that_are_kept(self, server: RunningServer, pantry: OpenBao) -> None:
        pantry.put("kept", k=VALUES[0])
        enqueue(server, step({"A": "{{ secret.t }}"}, secret("kept")))
        server.post("/api/v1/agent/lease", {"agent_id": "a"}, headers={"Idempotency-Key": "key-of-a-lease"})
        with server.store.read() as view:
            kept: list[AnswerRecord] = list(view.answers.iter_all())
        assert kept == []

    def test_a_repeated_request_reads_them_anew(self, server: RunningServer, pantry: OpenBao) -> None:
        pantry.put("anew", k="first")
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("anew")))
        assert env_of(server.lease(request_id="r").job_execution) == {"A": "first"}
        pantry.put("anew", k="second")
        again = server.lease(request_id="r").job_execution
        assert env_of(again) == {"A": "second"}
        assert server.services.secrets.sensitive.of(job_id) == ("first", "second")

    def test_in_memory_until_ten_minutes_after_the_end(self, server: RunningServer, pantry: OpenBao) -> None:
        pantry.put("memory", k="remembered")
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("memory")))
        server.leased()
        server.report(job_id, "running")
        server.report(job_id, "succeeded")
        for seconds, values in ((0, ("remembered",)), (599, ("remembered",)), (1, ())):
            server.clock.step(seconds)
            server.services.jobs.expiry.run_once()
            assert server.services.secrets.sensitive.of(job_id) == values

    def test_in_memory_no_longer_than_the_execution_exists(self, server: RunningServer, pantry: OpenBao) -> None:
        pantry.put("deleted", k="remembered")
        job_id = enqueue(server, step({"A": "{{ secret.t }}"}, secret("deleted")))
        server.leased()
        assert server.services.secrets.sensitive.of(job_id)
        assert server.http.simulate_delete(f"/api/v1/jobs/{job_id}").status_code == 200
        server.services.jobs.expiry.run_once()
        assert server.services.secrets.sensitive.of(job_id) == ()


def needles() -> tuple[str, ...]:
    return (VALUES[0], "value-of-the-search-2", SECRET_ID)


def test_inspection_tries_each_secret(server: RunningServer, pantry: OpenBao) -> None:
    pantry.put("inspected", k="never shown")
    steps = [
        step({"A": "{{ secret.t }}{{ secret.u }}"}, secret("inspected"), secret("nothing", name="u")),
        {**step({"A": "{{ secret.t }}"}, secret("x")), "vault": {"connection": "other", "secrets": [secret("x")]}},
    ]
    pipeline = server.define(json.dumps([{"id": "j", "steps": steps}]))
    body = {"pipeline_db_id": pipeline, "view": "secret_mappings", "test_secrets": True}
    not_found = 'vault read failed: status=404 body={"errors":[]}'
    assert server.post("/api/v1/projects/1/inspect", body).json["content"].splitlines()[3:] == [
        "job: j",
        "  step: step 1",
        "    vault_connection: pantry",
        "    test_connection: ok",
        "    - t: mount=kv path=inspected key=k kv_version=2 | test=ok",
        f"    - u: mount=kv path=nothing key=k kv_version=2 | test=error: {not_found}",
        "  step: step 2",
        "    vault_connection: other",
        '    test_connection: failed (vault connection "other" not found)',
        "    - t: mount=kv path=x key=k kv_version=2 | test=skipped (no connection)",
    ]


def test_jobs_without_secrets_pay_nothing(
    server: RunningServer, pantry: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their lease is one change, as if there were no Vaults; the same count shows what a job with one costs."""
    transactions: list[str] = []
    for kind in ("look", "read", "write"):
        original = getattr(server.store, kind)
        monkeypatch.setattr(server.store, kind, _counted(original, kind, transactions))
    pantry.put("cost", k="value")
    server.enqueue()
    assert server.lease("before").assigned, "a server that had nothing to give would look first"
    enqueue(server, step({"A": "{{ secret.t }}"}, secret("cost")))
    transactions.clear()
    assert server.lease("first").assigned
    assert transactions == ["write", "read", "read"]
    server.enqueue()
    transactions.clear()
    with monkeypatch.context() as patched:
        patched.setattr("cictl_server.services.secrets.lease_secrets.within", None)  # nobody may ask a Vault now
        assert server.lease("second").assigned
    assert transactions == ["write"]


def _counted(original: Callable[..., Any], kind: str, transactions: list[str]) -> Callable[..., Any]:
    def counted(*change: Any, **how: Any) -> Any:
        transactions.append(kind)
        return original(*change, **how)

    return counted
