"""Debian's Chromium, and pages in it whose every complaint fails the test."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    WebError,
    expect,
    sync_playwright,
)

CHROMIUM = Path(os.environ.get("CICTL_TEST_CHROMIUM", "/usr/bin/chromium"))
IS_REQUIRED = bool(os.environ.get("CICTL_TEST_BROWSER_REQUIRED"))
"""Set where a change lands: there the tests run, or fail."""

WIDTHS = (360, 1280, 2560)

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
_TIMEOUT_MS = 60_000
"""How long a page may take. One that follows a log waits twenty times as long as the last answer took, which is a lot on a loaded machine."""


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=_TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """The complaints about the pages of one context. What a test provokes it says with `expects`.

    Attributes:
        complaints: Violations of the content's policy, errors of the console and of scripts, and requests that failed.
    """

    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(_TIMEOUT_MS)
        self._listeners: dict[str, Callable[[Any], None]] = {
            "console": self._hear,
            "weberror": self._stumble,
            "requestfailed": self._failed,
            "response": self._answered,
        }
        for event, listener in self._listeners.items():
            self.context.on(event, listener)  # type: ignore[call-overload]

    def end(self) -> None:
        """Listen no longer."""
        for event, listener in self._listeners.items():
            self.context.remove_listener(event, listener)

    def expects(self, pattern: str) -> None:
        """Let complaints pass that have *pattern*, a regular expression."""
        self.expected.append(re.compile(pattern))

    def check(self) -> None:
        assert self.complaints == []

    def _complain(self, text: str) -> None:
        if not any(pattern.search(text) for pattern in self.expected):
            self.complaints.append(text)

    def _stumble(self, error: WebError) -> None:
        self._complain(f"script: {error.error}")

    def _hear(self, message: ConsoleMessage) -> None:
        # The console's own line about an answer is `_answered` once more.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self._complain(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        # Whoever leaves a page ends its requests.
        if request.failure != "net::ERR_ABORTED":
            self._complain(f"request: {request.method} {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._complain(f"answer: {response.status} {response.request.method} {response.url}")


@dataclass
class Contexts:
    """Contexts of one browser, each for one who looks and afterwards for the next one who wants the same.

    A new one takes a new process for its pages, which is most of what a look costs. That process lives as long as the context has a page, so each
    keeps an empty one.
    """

    browser: Browser
    _free: dict[str, list[BrowserContext]] = field(default_factory=dict)
    _keys: dict[BrowserContext, str] = field(default_factory=dict)

    def take(self, url: str, **options: Any) -> BrowserContext:
        """Return one for the server at *url* in which nobody has been; *options* are those of Playwright."""
        key = json.dumps([url, options], sort_keys=True)
        if free := self._free.get(key):
            return free.pop()
        context = self.browser.new_context(base_url=url, **options)
        context.new_page()
        self._keys[context] = key
        return context

    def give_back(self, context: BrowserContext) -> None:
        """Close the pages of *context*, and forget everything that they have stored."""
        key = self._keys[context]
        kept, *others = context.pages
        for page in others:
            page.close()
        context.clear_cookies()
        session = context.new_cdp_session(kept)
        session.send("Network.clearBrowserCache")
        session.send("Storage.clearDataForOrigin", {"origin": json.loads(key)[0], "storageTypes": "all"})
        session.detach()
        self._free.setdefault(key, []).append(context)


@dataclass
class Looking:
    """Somebody with a browser, looking at one server. Each call gives a page of its own in a context of its own."""

    contexts: Contexts
    url: str
    watches: list[Watch] = field(default_factory=list)

    def __call__(
        self, path: str = "/", *, token: str = "", width: int = 1280, script: bool = True, **options: Any
    ) -> Page:
        """Open *path*, logged in with *token* if there is one.

        Args:
            width: Of the window, in pixels.
            script: Whether scripts run.
            options: Further ones of a context, such as `color_scheme="dark"`.
        """
        context = self.contexts.take(
            self.url, viewport={"width": width, "height": 900}, java_script_enabled=script, **options
        )
        self.watches.append(Watch(context))
        page = context.new_page()
        if token:
            self.log_in(page, token)
        page.goto(path)
        return page

    @staticmethod
    def log_in(page: Page, token: str) -> None:
        page.goto("/login")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url(lambda url: not url.endswith("/login"))

    def watch_of(self, page: Page) -> Watch:
        """Return who listens to *page*."""
        return next(watch for watch in self.watches if watch.context == page.context)

    def expects(self, page: Page, pattern: str) -> None:
        """Say that *page* will complain of *pattern*."""
        self.watch_of(page).expects(pattern)

    def close(self) -> None:
        """End all pages, and fail if one of them complained."""
        for watch in self.watches:
            self.contexts.give_back(watch.context)
            watch.end()
        for watch in self.watches:
            watch.check()


def findings(page: Page) -> list[str]:
    """Return what axe-core finds on *page*: the rule, and where it is broken."""
    axe = Axe("0") if page.evaluate("'axe' in window") else Axe()  # a page that was looked at has the script
    found = axe.run(page, options=_AXE).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def overflow(page: Page) -> int:
    """Return by how many pixels *page* is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider
