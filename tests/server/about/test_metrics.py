"""`GET /metrics`: what is counted, that nothing in it grows with use, and that its page says it all."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from wsgiref.validate import WSGIWarning

import msgspec
import pytest
from cictl_testing.server import RunningServer
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from cictl_server.services.core.metrics import Metrics
from cictl_server.store.contract import Transaction
from cictl_server.store.tiny.store import TinyStore

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", re.MULTILINE)

GET = {"method": "GET", "route": "/"}

Scrape = dict[tuple[str, tuple[str, ...]], float]


def scrape(server: RunningServer) -> Scrape:
    """Return each sample by its name and the values of its labels, as their names sort."""
    answer = server.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_an_empty_server_shows_every_metric_that_needs_no_event(server: RunningServer) -> None:
    found = scrape(server)
    assert found["cictl_info", ("1.2.3",)] == 1
    assert {found["cictl_ready", (check,)] for check in ("serving", "store", "maintenance")} == {1}
    assert (
        found["cictl_jobs", ("running",)] == found["cictl_leases_total", ()] == found["cictl_agents", ("online",)] == 0
    )
    assert (found["cictl_waiting_places", ("taken",)], found["cictl_waiting_places", ("total",)]) == (0, 1_000)


def test_the_life_of_executions(server: RunningServer) -> None:
    pipeline = server.define('[{id: a, steps: [{run: "true"}]}, {id: b, needs: [a], steps: [{run: "true"}]}]')
    server.run(pipeline)
    server.clock.step(20)
    queued = scrape(server)
    assert (queued["cictl_queue_jobs", ("claimable",)], queued["cictl_queue_jobs", ("waiting",)]) == (1, 1)
    assert queued["cictl_queue_oldest_seconds", ()] == 20
    job = server.running()
    server.clock.step(7)
    server.report(job.id, "failed", output_append="12345", output_offset=0, error="exit status 1", cause="step_failed")
    ended = scrape(server)
    assert ended["cictl_leases_total", ()] == 1
    assert ended["cictl_job_queue_seconds_bucket", ("15.0",)] == 0
    assert ended["cictl_job_queue_seconds_bucket", ("60.0",)] == ended["cictl_job_queue_seconds_count", ()] == 1
    assert ended["cictl_jobs_finished_total", ("step_failed", "failed")] == 1
    assert ended["cictl_jobs_finished_total", ("dependency_failed", "failed")] == 1
    assert (ended["cictl_job_duration_seconds_sum", ("failed",)], ended["cictl_jobs", ("failed",)]) == (7, 2)
    assert ended["cictl_job_duration_seconds_count", ("failed",)] == 1, "what never ran has no duration"
    assert ended["cictl_queue_oldest_seconds", ()] == 0
    assert ended["cictl_log_written_bytes_total", ()] == 5


def test_an_expired_lease(server: RunningServer) -> None:
    server.enqueue()
    server.leased()
    server.clock.step(45)
    server.services.jobs.expiry.run_once()
    server.leased()
    found = scrape(server)
    assert (found["cictl_leases_expired_total", ()], found["cictl_leases_total", ()]) == (1, 2)


def test_a_lease_that_is_stored_again_counts_once(server: RunningServer) -> None:
    server.enqueue()
    server.leased()
    services = server.services

    def change(tx: Transaction) -> None:
        [held] = tx.jobs.active_of_agent("a")
        services.history.settling.put(tx, msgspec.structs.replace(held, secrets_attempts=1))

    server.store.write(change)
    assert scrape(server)["cictl_leases_total", ()] == 1


def test_agents_by_state(server: RunningServer) -> None:
    server.enqueue()
    for agent_id, seconds in (("gone", 41), ("quiet", 20), ("busy", 0)):
        server.heartbeat(agent_id)
        server.clock.step(seconds)
    server.act("deactivate", "quiet")
    server.leased("busy")
    found = scrape(server)
    assert [found["cictl_agents", (state,)] for state in ("online", "stale", "offline")] == [2, 0, 1]
    assert (found["cictl_agents_busy", ()], found["cictl_agents_deactivated", ()]) == (1, 1)
    server.clock.step(1)
    assert scrape(server)["cictl_agents", ("stale",)] == 1


def test_requests_by_route_and_status(server: RunningServer) -> None:
    for path in ("/api/v1/jobs/job-1", "/api/v1/jobs/job-2", "/nothing/1", "/nothing/2"):
        server.get(path)
    with pytest.warns(WSGIWarning, match="FANCY"):
        server.http.simulate_request("FANCY", "/healthz")
    server.get("/healthz", headers={"Host": "evil.test"})
    found = scrape(server)
    assert found["cictl_http_requests_total", ("GET", "/api/v1/jobs/{job_id}", "404")] == 2
    assert found["cictl_http_requests_total", ("GET", "", "404")] == 2
    assert found["cictl_http_requests_total", ("other", "/healthz", "400")] == 1
    assert found["cictl_http_requests_total", ("GET", "", "421")] == 1
    assert found["cictl_http_request_seconds_count", ("GET", "/api/v1/jobs/{job_id}")] == 2


def test_series_do_not_grow_with_use(server: RunningServer) -> None:
    def use() -> None:
        server.heartbeat(f"agent-{len(scrape(server))}")
        server.enqueue()
        server.finish("succeeded")
        server.get("/api/v1/jobs/job-9")
        scrape(server)

    use()
    series = scrape(server).keys()
    for _ in range(3):
        use()
    assert scrape(server).keys() == series


@pytest.mark.tinydb
def test_the_store(server: RunningServer) -> None:
    before = scrape(server)
    server.enqueue()
    after = scrape(server)
    for name in ("cictl_store_commits_total", "cictl_store_flush_seconds_count", "cictl_store_flush_seconds_sum"):
        assert after[name, ()] > before[name, ()], name
    journal = (server.directory / "state.journal").stat().st_size
    assert (after["cictl_store_bytes", ("journal",)], after["cictl_store_bytes", ("snapshot",)]) == (journal, 0)
    server.restart()
    snapshot = (server.directory / "state.json").stat().st_size
    assert scrape(server)["cictl_store_bytes", ("snapshot",)] == snapshot


def test_the_page_names_every_metric_and_no_other(server: RunningServer) -> None:
    server.enqueue()
    server.finish("succeeded")
    server.get("/healthz")
    server.services.retention.usage.measure(threading.Event())
    shown = {
        (_name(family), family.type, frozenset().union(*(sample.labels for sample in family.samples)) - {"le"})
        for family in text_string_to_metric_families(server.get("/metrics").text)
        if not family.name.startswith("process_")
    }
    page = PAGE.read_text()
    has_database = not isinstance(server.store, TinyStore)
    told = {
        (name, kind, frozenset() if is_absent else frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels, meaning in ROW.findall(page)
        for is_absent in [has_database and "absent with a database" in meaning]
    }
    assert shown == told
    process = re.findall(r"^process_\w+", server.get("/metrics").text, re.MULTILINE)
    assert set(process) <= set(re.findall(r"`(process_\w+)`", page))


def _name(family: Metric) -> str:
    return family.name + ("_total" if family.type == "counter" else "")


def test_a_sample_is_what_was_noted_and_nothing_beside_it(server: RunningServer) -> None:
    """No times of creation, which the library adds by itself."""
    server.get("/healthz")
    names = {name for name, _ in scrape(server)}
    assert not [name for name in names if name.endswith("_created")]


def test_the_library_is_loaded_by_the_server_alone() -> None:
    program = "import sys, cictl_agent.agent, cictl.cli.reference.docs; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("value", "cumulative"),
    [(0.05, (1, 1, 1)), (0.1, (1, 1, 1)), (0.5, (0, 1, 1)), (1.0, (0, 1, 1)), (2.5, (0, 0, 1)), (9.0, (0, 0, 0))],
)
def test_a_bound_belongs_to_its_bucket(value: float, cumulative: tuple[int, ...]) -> None:
    metrics = Metrics(version="1")
    metrics.note_request("GET", "/", 200, seconds=value)
    found = metrics.registry.get_sample_value
    bucket, bounds = "cictl_http_request_seconds_bucket", ("0.1", "1.0", "2.5")
    assert tuple(found(bucket, {**GET, "le": bound}) for bound in bounds) == cumulative
    assert (found("cictl_http_request_seconds_sum", GET), found("cictl_http_request_seconds_count", GET)) == (value, 1)


def test_no_count_is_lost_among_threads() -> None:
    metrics = Metrics(version="1")

    def note() -> None:
        for _ in range(2000):
            metrics.leases.inc()
            metrics.note_request("GET", "/", 200, seconds=1.5)

    threads = [threading.Thread(target=note) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    value = metrics.registry.get_sample_value
    assert value("cictl_leases_total") == value("cictl_http_request_seconds_count", GET) == 16000
    assert value("cictl_http_requests_total", {**GET, "status": "200"}) == 16000
    assert value("cictl_http_request_seconds_sum", GET) == 24000


def test_a_server_that_is_alone_leads_and_hears_itself_at_once(server: RunningServer) -> None:
    found = scrape(server)
    names = ("cictl_servers", "cictl_leads", "cictl_notification_lag_seconds")
    assert [found[name, ()] for name in names] == [1, 1, 0]
