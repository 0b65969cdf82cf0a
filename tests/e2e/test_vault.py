"""Secrets on their whole way: from a real Vault through a real server to the steps of a real agent, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace, eventually
from cictl_testing.servers.openbao import SECRET_ID, VARIABLE, OpenBao, own_openbao

__all__ = ["own_openbao"]

NEW, OLD = "value-of-version-two", "value-of\nversion-one"

PROJECT = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    vcs_source: {{repo: {repository}, ref: main}}
    jobs:
      - id: use
        steps:
          - run: |
              printf %s "$TOKEN" | sha256sum
              echo "token $TOKEN"
              printf %s "$TOKEN" | base64
              env | grep -c VAULT_TEST || true
            env: {{TOKEN: "{{{{ secret.new }}}}"}}
            vault: {{connection: pantry, secrets: [{{name: new, path: e2e, key: k}}]}}
          - run: |
              printf %s "$BOTH" | sha256sum
              echo "both $BOTH" >&2
              exit 3
            env: {{BOTH: "<{{{{ secret.old }}}}>"}}
            vault: {{connection: pantry, secrets: [{{name: old, path: e2e, key: k, mount: kv1, kv_version: 1}}]}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    workplace = Workplace(tmp_path, environment={VARIABLE: SECRET_ID})
    yield workplace
    workplace.close()


@pytest.fixture
def pantry(place: Workplace, own_openbao: OpenBao) -> OpenBao:
    own_openbao.put("e2e", k=NEW)
    own_openbao.put_v1("e2e", k=OLD)

    options = [
        "--url",
        own_openbao.url,
        "--role-id",
        own_openbao.connection().role_id or "",
        "--secret-id-env",
        VARIABLE,
    ]
    place.ok("vault", "add", "pantry", *options)
    repository = place.directory / "repository"
    make_repository(repository, {"cictl.yaml": PROJECT.format(repository=repository)})
    place.ok("projects", "import", str(repository))
    return own_openbao


def test_steps_see_the_values_and_nothing_else_does(place: Workplace, pantry: OpenBao) -> None:
    from hashlib import sha256

    agent = place.start_agent()
    run = place.cictl("run", "shop/build", "--follow")
    assert run.returncode == 3, run.stderr
    [job_id] = place.ok("jobs", "list", "-o", "name").split()
    log = place.ok("jobs", "logs", job_id)
    for value in (NEW, f"<{OLD}>"):
        assert sha256(value.encode()).hexdigest() in log, "the step got it"
    lines = log.splitlines()
    assert "token ***" in lines
    assert "0" in lines, "the server's secret id is in no step's environment"
    texts = [run.stdout, run.stderr, log, place.server.output, place.ok("jobs", "show", job_id, "-o", "json")]
    needles = (NEW, "value-of", "version-one", SECRET_ID, "dmFsdWUtb2YtdmVyc2lvbi10d28")
    assert not [needle for needle in needles if any(needle in text for text in texts)]
    work = place.directory / "work-a"
    agent.stop()  # nothing comes or goes while its files are read
    files = [path for root in (place.data, work) for path in root.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if any(needle.encode() in path.read_bytes() for needle in needles)]


def test_a_job_waits_for_a_vault_that_is_sealed(place: Workplace, pantry: OpenBao) -> None:
    """Not for one that is stopped: the tests' Vault begins empty, and a job that asks before all is set up again fails."""
    pantry.seal()
    place.start_agent()
    run = place.background("run", "shop/build", "--wait")
    job_id = eventually(lambda: place.ok("jobs", "list", "-o", "name").split(), what="the job")[0]

    def explained() -> bool:
        """Whether it waits now: while it tries again, it is leased for a moment."""
        return "it waits for its secrets, which could not be had" in place.ok("jobs", "explain", job_id)

    eventually(explained, what="the wait")
    pantry.unseal()
    assert run.wait() == 3
    assert "token ***" in place.ok("jobs", "logs", job_id)


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_asks_the_vault(place: Workplace, pantry: OpenBao) -> None:
    """The execution is leased by then, and nobody has got it."""
    pantry.freeze()
    place.start_agent()
    run = place.background("run", "shop/build", "--wait")
    eventually(lambda: "leased" in place.ok("jobs", "list", "-o", "json"), what="the claim")
    place.server.kill()
    pantry.thaw()
    place.start_server()
    assert run.wait() == 3
    [job_id] = place.ok("jobs", "list", "-o", "name").split()
    log = place.ok("jobs", "logs", job_id)
    assert log.count("token ***") == 1
    assert "value-of" not in log


def test_a_server_with_a_list_of_vaults_takes_no_other(tmp_path: Path) -> None:
    allowed = {"CICTL_VAULT_URLS": "https://one.example.test https://two.example.test"}
    place = Workplace(tmp_path, environment=allowed)
    try:
        options = ["--role-id", "r", "--secret-id-env", VARIABLE]
        place.ok("vault", "add", "second", "--url", "https://two.example.test/", *options)
        refused = place.cictl("vault", "add", "third", "--url", "https://three.example.test", *options)
        assert refused.returncode != 0
        assert "url is not one of the Vault addresses that this server allows" in refused.stderr
    finally:
        place.close()
