"""The page of a job execution: where it stands, what it left, and what one can do with it."""

from __future__ import annotations

import base64

import pytest
from cictl_testing.face.browser import WIDTHS, Looking, findings, overflow
from cictl_testing.server import RunningServer
from playwright.sync_api import Page, expect

from cictl.wire.jobs import CacheStat
from cictl.wire.results.artifacts import ArtifactData, ArtifactUpload
from cictl.wire.results.reports import Coverage, CoverageFile, TestCase, TestReport, TestReportUpload, TestSuite
from tests.face.conftest import Shown

EVIL = "<img src=x onerror=alert(1)>\u202e"
JOBS = (
    "[{id: test, steps: [{name: Fetch, run: git fetch}, {run: make}]}, {id: pack, needs: [test], steps: [{run: ls}]}]"
)
FILES = {"dist/app.tar": 3000, "dist/docs/a.html": 10, f"{EVIL}.txt": 5, "r.xml": 0}
CASES = [
    TestCase(status="pass", package="shop.cart", name="adds", duration_seconds=0.25),
    TestCase(status="fail", package="shop.cart", name="removes", duration_seconds=1.5, output=f"expected 2\n{EVIL}"),
    TestCase(status="skip", package="shop.cart", name="sells"),
]


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    return shown.server


def failed_job(server: RunningServer) -> str:
    """Return the id of a job that failed and left everything that a job can leave."""
    server.run(server.define(JOBS))
    job = server.running()
    tests = TestSuite(format="junit-xml", name="unit", total=3, passed=1, failed=1, skipped=1, cases=CASES)
    files = [CoverageFile(path="cart.py", total_lines=10, covered_lines=4, percent=40.0)]
    coverage = Coverage(format="lcov", total_lines=20, covered_lines=14, percent=70.0, files=files)
    report = TestReport(total=3, passed=1, failed=1, skipped=1, suites=[tests], coverage=coverage)
    kept = [ArtifactData(path=path, data_base64=base64.b64encode(b"x" * size).decode()) for path, size in FILES.items()]
    for tail, message in (
        ("tests", TestReportUpload(agent_id="a", report=report)),
        ("artifacts", ArtifactUpload(agent_id="a", artifacts=kept)),
    ):
        assert server.post(f"/api/v1/jobs/{job.id}/{tail}", message).status_code == 200
    output = f"one\n\x1b[31mtwo\x1b[0m\n{EVIL}\n"
    caches = [CacheStat(id="pip", source="hit", size_bytes=5000, files=12)]
    answer = server.report(
        job.id, "failed", output=output, error=f"exit status 2 {EVIL}", exit_code=2, cache_stats=caches
    )
    assert answer.status_code == 200
    return job.id


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def region(page: Page, name: str) -> str:
    return page.get_by_role("region", name=name, exact=True).inner_text()


def test_a_failed_job_tells_all_that_it_left(server: RunningServer, look: Looking) -> None:
    page = look(f"/jobs/{failed_job(server)}")
    assert "failed" in page.locator("h1").inner_text()
    assert "exit status 2 <img src=x onerror=alert(1)>\\u202e" in page.get_by_role("main").inner_text()
    tests = region(page, "Tests")
    assert "1 passed, 1 failed, 1 skipped, of 3." in tests
    assert "Fails since run 1. Passed 0 times, failed 1 time." in tests
    assert "expected 2\n<img src=x onerror=alert(1)>\\u202e" in tests
    assert "Coverage 70.0 %" in tests
    assert "dist/ 2 files, 2.9 KiB" in region(page, "Artifacts")
    assert "pip\thit\t4.9 KiB\t12" in region(page, "Caches").replace("\n", "")
    assert page.locator("main img").count() == 0


def test_files_are_a_tree_whose_leaves_are_downloaded(server: RunningServer, look: Looking) -> None:
    page = look(f"/jobs/{failed_job(server)}")
    tree = page.get_by_role("region", name="Artifacts")
    for link, name, size in (("app.tar", "app.tar", 3000), ("a.html", "a.html", 10)):
        with page.expect_download() as download:
            tree.get_by_role("link", name=link, exact=True).click()
        assert (download.value.suggested_filename, download.value.path().stat().st_size) == (name, size)
    with page.expect_download() as download:
        tree.get_by_role("link", name="Download all as a zip").click()
    assert download.value.suggested_filename.endswith("-artifacts.zip")
    assert tree.get_by_text("docs/").inner_text() == "docs/ 1 file, 10 B"


def test_a_job_that_waits_says_why_and_what_would_help(server: RunningServer, look: Looking) -> None:
    first, second = server.run(server.define(JOBS))
    page = look(f"/jobs/{first}")
    assert "No agent ever connected" in region(page, "Why it waits")
    expect(page.get_by_role("region", name="Why it waits").locator("code").first).to_contain_text("cictl")
    page.goto(f"/jobs/{second}")
    page.get_by_role("region", name="Why it waits").get_by_role("link", name="1/test").click()
    page.wait_for_url(f"**/jobs/{first}")


def test_the_page_goes_along_with_the_job(server: RunningServer, look: Looking) -> None:
    first, _ = server.run(server.define(JOBS))
    page = look(f"/jobs/{first}")
    expect(page.locator("h1")).to_contain_text("queued")
    server.running()
    expect(page.locator("h1")).to_contain_text("running")
    server.report(first, "running", output_append="hello\n", output_offset=0)
    expect(page.get_by_role("log")).to_contain_text("hello")
    server.report(first, "succeeded")
    expect(page.locator("h1")).to_contain_text("succeeded")


@pytest.mark.parametrize("script", [pytest.param(True, id="script"), pytest.param(False, id="no-script")])
def test_cancel_asks_and_says_what_ends(server: RunningServer, look: Looking, script: bool) -> None:
    server.run(server.define(JOBS))
    job = server.running()
    page = look(f"/jobs/{job.id}", script=script)
    press(page, "Cancel")
    question = page.get_by_role("dialog") if script else page.get_by_role("main")
    expect(question).to_contain_text("Its processes on a are ended.")
    press(page, "Cancel the job")
    expect(page.locator("h1")).to_contain_text("cancelled")
    assert [record.action for record in server.audit()][-1] == "job.cancelled"


def test_rerun_leads_to_the_new_execution_and_both_are_listed(server: RunningServer, look: Looking) -> None:
    old = failed_job(server)
    page = look(f"/jobs/{old}")
    press(page, "Rerun")
    expect(page.locator("h1")).to_contain_text("queued")
    assert not page.url.endswith(old)
    attempts = page.get_by_role("region", name="Attempts")
    expect(attempts.get_by_role("listitem")).to_have_count(2)
    attempts.get_by_role("link").click()
    page.wait_for_url(f"**/jobs/{old}")


def test_a_viewer_has_no_buttons_and_is_refused(shown: Shown, look: Looking) -> None:
    job_id = failed_job(shown.server)
    shown.server.token("admin")
    page = look(f"/jobs/{job_id}", token=shown.server.token("viewer"))
    expect(page.get_by_role("button", name="Rerun")).to_have_count(0)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    answer = shown.server.ask("POST", f"/jobs/{job_id}/rerun", shown.server.token("viewer", "other"), headers=form)
    assert answer.status_code == 403


def test_an_unknown_job_is_a_page_that_says_so(look: Looking) -> None:
    page = look("/")
    look.expects(page, "answer: 404")
    page.goto("/jobs/job-7")
    expect(page.get_by_role("main")).to_contain_text("job not found")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_at_every_width(server: RunningServer, look: Looking, scheme: str) -> None:
    failed = failed_job(server)
    waiting, _ = server.run(server.define(JOBS))
    for job_id in (failed, waiting):
        page = look(f"/jobs/{job_id}", color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert (overflow(page), findings(page)) == (0, [])
