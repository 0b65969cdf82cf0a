"""Services beside jobs on this machine and in containers, with real engines."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from cictl_testing.engines.image import IMAGE
from cictl_testing.engines.site import Site
from cictl_testing.ports import free_port
from cictl_testing.processes import eventually

from cictl.base.job_parts import ServiceSpec
from cictl.wire.jobs import JobStatus

pytestmark = pytest.mark.xdist_group("engines")

SERVE = 'CMD ["/bin/sh", "-c", "printf \'%s\' \\"$GREETING\\" > /tmp/greeting; exec httpd -f -p $PORT -h /tmp"]'
READY = 'wget -qO- "http://127.0.0.1:$PORT/greeting"'
ASK = 'busybox wget -qO- "http://$CICTL_SERVICE_TEA_DB_HOST:$CICTL_SERVICE_TEA_DB_PORT/greeting"'

New = Callable[..., ServiceSpec]


@pytest.fixture
def new(site: Site) -> New:
    """Return a verb that makes a service whose image says at which port it listens."""

    def service(greeting: str = "hello", **fields: Any) -> ServiceSpec:
        port = free_port()
        image = f"localhost/service-{uuid.uuid4().hex[:8]}:1"
        site.engine.import_image(image, f"EXPOSE {port}", SERVE)
        environment = {"GREETING": greeting, "PORT": str(port)}
        return ServiceSpec(**{"name": "tea-db", "image": image, "env": environment, "ready": READY, **fields})

    return service


def test_steps_of_this_machine_reach_a_service_at_the_loopback(site: Site, new: New) -> None:
    job = site.run(f'echo "$CICTL_SERVICE_TEA_DB_HOST"; {ASK}', image="", services=[new('it\'s "one" $HOME #')])
    if not site.engine.publishes:
        assert "the engine has published no port for" in job.last.error
        return
    assert (job.last.error, job.text.endswith('\n127.0.0.1\nit\'s "one" $HOME #')) == ("", True), job.text
    assert site.engine.containers == []


def test_steps_in_a_container_reach_services_by_their_names(site: Site, new: New) -> None:
    one, two = new("one"), new("two", name="cups")
    job = site.run(f'{ASK}; wget -qO- "http://cups:{two.env["PORT"]}/greeting"', services=[one, two])
    assert (job.last.error, job.text.endswith("\nonetwo")) == ("", True), job.text
    assert site.engine.containers == []


def test_steps_begin_when_the_services_are_ready(site: Site, new: New) -> None:
    job = site.run("echo step", services=[new(ready=f"test -e /tmp/asked || {{ touch /tmp/asked; exit 1; }}; {READY}")])
    lines = [line for line in job.text.splitlines() if line.startswith(("[service", "step"))]
    assert lines[-2:] == ["[service tea-db] is ready", "step"]
    assert lines[0].startswith("[service tea-db] runs localhost/service-")


@pytest.mark.parametrize("image", ["", IMAGE], ids=["here", "container"])
def test_a_service_that_ends_fails_the_job_with_its_last_words(site: Site, image: str) -> None:
    site.engine.import_image("localhost/short:1", 'CMD ["/bin/sh", "-c", "echo bye; exit 1"]')
    service = ServiceSpec(name="db", image="localhost/short:1", ready="false")
    job = site.run("echo never", image=image, services=[service])
    assert (job.status, job.last.error) == (JobStatus.FAILED, 'service "db" is not running')
    assert "[service db] bye\n" in job.text
    assert site.engine.containers == []


def test_an_image_that_can_not_be_had_fails_the_job(site: Site) -> None:
    error = site.run(image="", services=[ServiceSpec(name="db", image="Not An Image")]).last.error
    assert error.startswith('start service "db" from "Not An Image": ')
    assert "invalid reference format" in error


@pytest.mark.parametrize("image", ["", IMAGE], ids=["here", "container"])
def test_a_cancel_removes_services(site: Site, image: str) -> None:
    site.engine.import_image("localhost/long:1", 'CMD ["/bin/sleep", "1000"]')
    begun = site.enqueue(
        "echo begun; sleep 1000", image=image, services=[ServiceSpec(name="db", image="localhost/long:1")]
    )
    site.server.begun(begun, "begun")
    assert len(site.engine.containers) == (2 if image else 1)
    site.server.cancel(begun)
    site.server.finished(begun)
    assert eventually(lambda: site.engine.containers == [], what="the end of the services")


def test_next_agent_removes_the_services_of_a_killed_one(site: Site) -> None:
    site.engine.import_image("localhost/long:1", 'CMD ["/bin/sleep", "1000"]')
    begun = site.enqueue("echo begun; sleep 1000", services=[ServiceSpec(name="db", image="localhost/long:1")])
    site.server.begun(begun, "begun")
    site.restart_agent()
    site.agent.wait_for_line("tools found")
    assert site.engine.containers == []
