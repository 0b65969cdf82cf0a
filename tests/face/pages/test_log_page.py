"""The page of a log: any lines of it, however long it is, and what comes while one looks."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from cictl_testing.face.browser import WIDTHS, Looking, findings, overflow
from cictl_testing.server import RunningServer
from playwright.sync_api import Page, expect

from cictl.wire.jobs import LoggedStep
from cictl_server.face.assets import assets
from cictl_server.face.drawing.log_rows import LogRows, log_rows
from cictl_server.face.views import log
from cictl_server.services.jobs.log_lines import OpenLog
from tests.face.conftest import Shown

STEPS = "[{id: test, steps: [{name: Fetch, run: git fetch}, {name: Make, run: make}]}]"
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(1)</script> javascript:alert(1)\n"
    "\x1b[31;1mred\x1b[0m \x1b]0;title\x07 \u202eevil\u202c\n"
    "1%\r100%\n"
    f"{'x' * 10_000}\n"
    f"{'y' * 200_000}\n"
)
HTML = {"Accept": "text/html", "Accept-Encoding": "gzip"}


def numbered(count: int, *, first: int = 1) -> bytes:
    return b"".join(b"this is line %d\n" % number for number in range(first, first + count))


SCROLLED = """
new Promise((resolve) => {
  const isSeen = (row, box) => row.getBoundingClientRect().bottom > box.top && row.getBoundingClientRect().top < box.bottom;
  const tell = () => {
    const box = log.getBoundingClientRect();
    const seen = [...document.querySelectorAll(".row")].filter((row) => isSeen(row, box));
    const isFull = seen.length && (seen.at(-1).id === "L2000" || seen.at(-1).getBoundingClientRect().bottom >= box.bottom - 1);
    if (isFull) resolve(seen.map((row) => Number(row.id.slice(1)))); else requestAnimationFrame(tell);
  };
  log.addEventListener("scroll", () => requestAnimationFrame(() => requestAnimationFrame(tell)), { once: true });
  log.scrollBy(0, log.clientHeight - 40);
})
"""
"""Scroll down by nearly what one sees, and return the lines that one sees then."""


class Writer:
    """A job that runs, and its log."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        server.run(server.define(STEPS))
        self.job_id = server.running().id
        self.path = f"/jobs/{self.job_id}/log"

    def write(self, data: bytes) -> None:
        logs = self._server.services.logs.book
        logs.append(self.job_id, data, offset=logs.size(self.job_id))

    def begin_step(self, index: int) -> None:
        logs = self._server.services.logs.book
        now = self._server.clock() + timedelta(seconds=index)
        step = LoggedStep(index=index, total=2, name="", started_utc=now, log_offset=logs.size(self.job_id))
        logs.index.note_steps(self.job_id, [step])

    def end(self, status: str) -> None:
        assert self._server.report(self.job_id, status).status_code == 200


@pytest.fixture
def job(shown: Shown) -> Writer:
    return Writer(shown.server)


def line(page: Page, number: int) -> str:
    return page.locator(f"#L{number} .text").inner_text()


def sees(page: Page, number: int) -> None:
    expect(page.locator(f"#L{number}")).to_be_in_viewport()


def test_the_end_is_shown_and_followed(job: Writer, look: Looking) -> None:
    job.write(numbered(1000))
    page = look(job.path)
    sees(page, 1000)
    job.write(numbered(20, first=1001))
    sees(page, 1020)
    expect(page.locator("#log-told")).to_contain_text("1020 lines")
    job.write(b"and more than one can fetch at once\n" * 2000)
    sees(page, 3020)


def test_following_lets_go_above_the_end_and_takes_hold_there(job: Writer, look: Looking) -> None:
    job.write(numbered(1000))
    page = look(job.path)
    sees(page, 1000)
    page.locator("#log").hover()
    page.mouse.wheel(0, -400)
    expect(page.get_by_role("button", name="Follow")).to_be_visible()
    job.write(numbered(30, first=1001))
    expect(page.get_by_role("button", name="Follow (30 new)")).to_be_visible()
    expect(page.locator("#L1030")).not_to_be_in_viewport()
    page.get_by_role("button", name="Follow (30 new)").click()
    sees(page, 1030)
    expect(page.get_by_role("button", name="Follow")).to_be_hidden()


def test_a_job_that_ends_ends_the_following(job: Writer, look: Looking) -> None:
    page = look(job.path)
    expect(page.locator("#log-empty")).to_have_text("Nothing yet.")
    job.write(numbered(3))
    sees(page, 3)
    job.end("succeeded")
    expect(page.locator("h1")).to_contain_text("succeeded")
    expect(page.get_by_role("button", name="Follow")).to_be_hidden()


def test_what_a_job_prints_is_text(job: Writer, look: Looking) -> None:
    job.write(HOSTILE.encode())
    page = look(job.path)
    sees(page, 5)
    assert page.locator("#log img, #log script").count() == 0
    assert line(page, 1) == HOSTILE.splitlines()[0]
    assert line(page, 2) == "red  \\u202eevil\\u202c"
    assert (line(page, 3), len(line(page, 4))) == ("100%", 10_000)
    assert line(page, 5).endswith("y … 185.3 KiB more in the plain text")
    assert page.locator("#L2 .t-b.f1").inner_text() == "red"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert (overflow(page), findings(page)) == (0, [])


def test_a_link_leads_to_lines_and_a_click_makes_one(job: Writer, look: Looking) -> None:
    job.write(numbered(5000))
    page = look(f"{job.path}#L120-L140")
    sees(page, 120)
    expect(page.locator(".row.chosen")).to_have_count(21)
    page.locator("#L130 .no").click()
    expect(page).to_have_url(re.compile(r"/log#L130$"))
    page.locator("#L133 .no").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile(r"/log#L130-L133$"))
    expect(page.locator(".row.chosen")).to_have_count(4)
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()


def test_keys_alone_choose_lines(job: Writer, look: Looking) -> None:
    job.write(numbered(5000))
    page = look(job.path)
    page.get_by_label("Go to line").fill("2500-2510")
    page.keyboard.press("Enter")
    sees(page, 2500)
    expect(page).to_have_url(re.compile(r"#L2500-L2510$"))
    page.locator("#log").focus()
    page.keyboard.press("Home")
    sees(page, 1)
    page.keyboard.press("End")
    sees(page, 5000)


def test_a_log_of_200_mb_is_a_few_hundred_rows(job: Writer, look: Looking) -> None:
    part = numbered(400_000)
    for _ in range((200 << 20) // len(part) + 1):
        job.write(part)
    page = look(job.path)
    rows = page.locator(".row")
    expect(rows.last.locator(".text")).to_have_text("this is line 400000")
    expect(rows.last).to_be_in_viewport()
    page.evaluate("log.scrollTop = log.scrollHeight / 2")
    expect(rows.nth(150)).to_have_attribute("id", re.compile(r"^L5[345]\d{5}$"))
    page.evaluate("log.scrollTop = 0")
    sees(page, 1)
    assert rows.count() <= 300
    page.get_by_label("Go to line").fill("5000001")
    page.keyboard.press("Enter")
    sees(page, 5_000_001)
    assert line(page, 5_000_001) == "this is line 200001"
    assert rows.count() <= 300


def test_scrolling_leaves_no_line_out(job: Writer, look: Looking) -> None:
    job.write(numbered(2000))
    page = look(f"{job.path}#L1")
    sees(page, 1)
    seen = {*range(1, 32)}
    while 2000 not in seen:
        seen |= set(page.evaluate(SCROLLED))
    assert seen == set(range(1, 2001))


def test_a_text_is_found_in_the_whole_log(job: Writer, look: Looking) -> None:
    job.write(numbered(3000) + b"a Needle\n" + numbered(3000) + b"no needles\n" + numbered(3000))
    page = look(job.path)
    sees(page, 9002)
    page.get_by_label("Find in this log").fill("needle")
    page.keyboard.press("Enter")
    expect(page.locator("#log-found")).to_have_text("1 of 2")
    sees(page, 3001)
    page.get_by_role("button", name="Next line found").click()
    sees(page, 6002)
    page.locator("#log").focus()
    page.keyboard.press("n")
    expect(page.locator("#log-found")).to_have_text("1 of 2")
    page.get_by_label("Find in this log").fill("hay")
    page.keyboard.press("Enter")
    expect(page.locator("#log-found")).to_have_text("Nothing found")


def test_steps_fold(job: Writer, look: Looking) -> None:
    job.begin_step(1)
    job.write(numbered(1500))
    job.begin_step(2)
    job.write(numbered(40))
    job.end("failed")
    page = look(f"{job.path}#L1")
    page.get_by_role("button", name="1. Fetch").click()
    expect(page.locator("#L1")).to_be_hidden()
    sees(page, 1501)
    expect(page.get_by_role("button", name="1. Fetch")).to_have_attribute("aria-expanded", "false")
    page.get_by_label("Go to line").fill("700")
    page.keyboard.press("Enter")
    sees(page, 700)
    expect(page.locator(".step", has_text="2. Make")).to_have_count(0)


def test_a_lost_connection_is_told_and_mended(job: Writer, look: Looking) -> None:
    job.write(numbered(10))
    page = look(job.path)
    look.expects(page, "ERR_INTERNET_DISCONNECTED")
    sees(page, 10)
    page.context.set_offline(True)
    expect(page.locator("#log-found")).to_have_text("Not connected. Trying again …")
    job.write(numbered(10, first=11))
    page.context.set_offline(False)
    sees(page, 20)
    expect(page.locator("#log-found")).to_have_text("")


def test_without_script_links_lead_through_the_log(job: Writer, look: Looking) -> None:
    job.write(numbered(1000))
    page = look(job.path, script=False)
    assert (page.locator(".row").count(), line(page, 701)) == (300, "this is line 701")
    page.get_by_role("link", name="Older").click()
    assert (line(page, 401), page.locator("#L701").count()) == ("this is line 401", 0)
    page.get_by_role("link", name="Newer").click()
    assert line(page, 1000) == "this is line 1000"
    page.get_by_label("Find in this log").fill("LINE 99")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.get_by_role("region", name="Lines found")).to_contain_text("11 lines have LINE 99")
    page.get_by_role("link", name="99", exact=True).click()
    sees(page, 99)


def test_the_plain_text_is_the_whole_log(shown: Shown, job: Writer) -> None:
    data = numbered(60_000)
    job.write(data)
    answer = shown.server.get(f"{job.path}.txt")
    assert (answer.content, answer.headers["Content-Type"]) == (data, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "query", ["from=x", "from=0", "from=9999999999999999999", "count=0", "from=120-140", "q=", "rows"]
)
def test_a_page_is_shown_whatever_its_address_says(shown: Shown, job: Writer, query: str) -> None:
    job.write(numbered(10))
    assert shown.server.get(f"{job.path}?{query}", headers=HTML).status_code == 200


def test_only_who_may_read_the_log_sees_it(shown: Shown, job: Writer, look: Looking) -> None:
    shown.server.token("admin")
    viewer = shown.server.token("viewer")
    job.write(numbered(10))
    assert shown.server.get(job.path, headers=HTML).status_code == 303
    assert shown.server.get(f"{job.path}.txt").status_code == 401
    page = look(job.path, token=viewer)
    sees(page, 10)
    page.get_by_label("Find in this log").fill("line 7")
    page.keyboard.press("Enter")
    expect(page.locator("#log-found")).to_have_text("1 of 1")


def test_a_page_is_small(shown: Shown, job: Writer) -> None:
    job.write(b"\x1b[32m0000001\x1b[0m compiling some/long/path/to/a/file.cpp with many flags -O2 -g\n" * 5000)
    page = len(shown.server.get(job.path, headers=HTML).content)
    sizes = {name: len(asset.packed) for name, asset in assets().items()}
    assert sizes["face.js"] + sizes["log.js"] < 15 << 10
    assert page + sum(sizes[name] for name in ("face.css", "log.css", "face.js", "log.js", "icons.svg")) < 50 << 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_colours(job: Writer, look: Looking, scheme: str) -> None:
    codes = [*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108), 1, 2, 3, 4, 7, 9]
    job.write("".join(f"\x1b[{code}mcolour {code}\x1b[0m\n" for code in codes).encode())
    job.write("".join(f"\x1b[7;{code}mturned {code}\x1b[0m\n" for code in range(30, 38)).encode())
    page = look(job.path, color_scheme=scheme)
    sees(page, len(codes) + 8)
    assert [found for found in findings(page) if re.search("contrast", found)] == []


def test_rows_are_made_once_for_all_who_look(shown: Shown, job: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int | None] = []

    def counted(opened: OpenLog, *, first: int | None, count: int) -> LogRows:
        made.append(first)
        return log_rows(opened, first=first, count=count)

    monkeypatch.setattr(log, "log_rows", counted)
    job.write(numbered(500))
    path = f"{job.path}?rows=&from=401&count=100"
    first, second = (shown.server.get(path, headers=HTML) for _ in range(2))
    known = shown.server.get(path, headers={**HTML, "If-None-Match": first.headers["ETag"]})
    assert (len(made), first.content == second.content, known.status_code) == (1, True, 304)
    job.write(b"more\n")
    assert shown.server.get(path, headers=HTML).headers["ETag"] != first.headers["ETag"]


def test_steps_that_begin_later_are_listed_and_fold(job: Writer, look: Looking) -> None:
    job.begin_step(1)
    job.write(numbered(10))
    page = look(job.path)
    sees(page, 10)
    job.begin_step(2)
    job.write(numbered(10, first=11))
    page.get_by_role("button", name="2. Make").click()
    expect(page.locator("#L20")).to_be_hidden()
    page.get_by_role("button", name="Unfold steps").click()
    expect(page.locator("#L20")).to_be_visible()
    job.end("failed")
    page.get_by_text("Steps", exact=True).click()
    expect(page.get_by_role("link", name="2. Make")).to_be_visible()


def test_the_log_of_a_cancelled_job_says_so(shown: Shown, job: Writer) -> None:
    shown.server.cancel(job.job_id)
    assert '<span class="state cancelled">' in shown.server.get(job.path, headers={"Accept": "text/html"}).text
