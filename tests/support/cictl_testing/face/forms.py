"""What a browser does without a script: it gets pages, and sends forms."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import falcon.testing

from cictl_testing.server import RunningServer

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
_FORM = {**HTML, "Content-Type": "application/x-www-form-urlencoded", "Origin": "http://localhost"}
_TAG = re.compile(r"<[^>]*>")


def get(server: RunningServer, path: str, secret: str = "") -> falcon.testing.Result:
    """Get a page, with a token if there is one."""
    return server.ask("GET", path, secret, headers=HTML)


def send(server: RunningServer, path: str, secret: str = "", /, **fields: str) -> falcon.testing.Result:
    """Send a form."""
    return server.ask("POST", path, secret, headers=_FORM, body=urlencode(fields))


def words(server: RunningServer, path: str, secret: str = "") -> str:
    """Return what a page says, without its tags; it must be there."""
    page = get(server, path, secret)
    assert page.status_code == 200, page.text
    return words_in(page.text)


def words_in(page: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", page)).split())
