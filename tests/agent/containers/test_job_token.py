"""The token of a job inside a container: the steps have it, it counts, and it is nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cictl_testing.engines.image import IMAGE
from cictl_testing.engines.real import RealEngine
from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace, eventually

from cictl_client import Client

pytestmark = pytest.mark.xdist_group("engines")

FILE = """\
version: 1
project: {{name: shop}}
pipelines:
  - id: build
    vcs_source: {{repo: {repository}}}
    jobs:
      - id: ask
        runs_on: {{container_image: "{image}"}}
        steps:
          - run: |
              echo "the token is $CICTL_JOB_TOKEN"
              echo "$CICTL_SERVER_URL" > server
              echo -n "$CICTL_JOB_TOKEN" > token
              while [ ! -e go ]; do sleep 0.05; done
"""


@pytest.fixture
def workplace(engine: RealEngine, tmp_path: Path) -> Iterator[Workplace]:
    """A server that wants tokens, an agent that has one, and a job that waits in a container."""
    place = Workplace(tmp_path, environment={**engine.environment, "CICTL_CONTAINER_ENGINE": engine.path})
    for name, options in {"root": ["--role", "admin"], "a": ["--role", "agent", "--agent", "a"]}.items():
        (tmp_path / f"{name}.token").write_text(place.ok("tokens", "create", name, *options))
        place.extra["CICTL_TOKEN_FILE"] = str(tmp_path / "root.token")
    place.start_agent("a", "--token-file", str(tmp_path / "a.token"))
    repository = tmp_path / "repository"
    make_repository(repository, {"cictl.yaml": FILE.format(repository=repository, image=IMAGE)})
    place.ok("projects", "import", str(repository))
    place.ok("run", "shop/build")
    yield place
    place.close()


def test_a_step_in_a_container_has_the_token_of_its_job(workplace: Workplace, engine: RealEngine) -> None:
    [job_id] = workplace.ok("jobs", "list", "-o", "name").split()
    workspaces = workplace.directory / "work-a" / "workspaces"

    def waiting() -> Path | None:
        return next((file.parent for file in workspaces.glob("*/src/token") if file.read_text()), None)

    source = eventually(waiting, what="the step, which waits")
    secret = (source / "token").read_text()
    with Client((source / "server").read_text().strip(), token=secret) as client:
        found = client.whoami()
    assert (found.role, found.job_execution_id) == ("job", job_id)
    [name] = engine.containers
    assert secret not in engine.ask("inspect", name)
    assert not [p.pid for p in psutil.process_iter(["cmdline"]) if secret in " ".join(p.info["cmdline"] or [])]
    (source / "go").touch()
    assert "the token is ***" in workplace.ok("jobs", "logs", "--follow", job_id)
