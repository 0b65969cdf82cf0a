"""A server of releases on the loopback: GitHub's routes, an index of packages, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GITHUB_JSON = "application/vnd.github+json"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
REPOSITORY = "shop/cictl"


@dataclass(frozen=True)
class Seen:
    """One request that came."""

    path: str
    headers: dict[str, str]


@dataclass
class ReleaseServer:
    """Releases by tag, the newest published last.

    Attributes:
        faults: Statuses for the next requests below a path, used up one by one.
        replies: Bodies instead of the real ones, by path.
        assets_at: Another server that requests of files are redirected to; empty for none.
        gate: Files are held back while it is cleared.
        lists_releases: Whether the API has the route of all releases, as the smallest of such servers has not.
        simple_form: `json` or `html`.
    """

    releases: dict[str, dict[str, bytes]] = field(default_factory=dict)
    bare_tags: list[str] = field(default_factory=list)
    faults: dict[str, list[int]] = field(default_factory=dict)
    replies: dict[str, bytes] = field(default_factory=dict)
    assets_at: str = ""
    lists_releases: bool = True
    simple_form: str = "json"
    has_index_hashes: bool = True
    yanked: set[str] = field(default_factory=set)
    requires_python: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()
        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._httpd.server_address[1]}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.01,), name="releases", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; twice is fine."""
        self.gate.set()
        if self._thread.is_alive():
            self._httpd.shutdown()
            self._thread.join()
            self._httpd.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server or agent that gets its releases from here."""
        return {"CICTL_UPDATE_API_BASE": self.url, "CICTL_UPDATE_REPO": REPOSITORY}

    def publish(self, tag: str, files: dict[str, bytes], *, checksums: str | None = None) -> None:
        """Add a release.

        Args:
            checksums: The text of the list; by default the true one, empty for a release without a list.
        """
        text = checksum_text(files) if checksums is None else checksums
        self.releases[tag] = {**files, **({"cictl-checksums.txt": text.encode()} if text else {})}

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, str, bytes, dict[str, str]]:
        """Return status, content type, body and further headers."""
        prefix = next((p for p, statuses in self.faults.items() if path.startswith(p) and statuses), None)
        if prefix is not None:
            return self.faults[prefix].pop(0), "text/plain", b"out of order\n", {}
        if path in self.replies:
            return 200, "application/json", self.replies[path], {}
        if path.startswith("/assets/"):
            return self._asset(path)
        if path.startswith("/simple/cictl/"):
            return self._index()
        found = self._api(path.removeprefix(f"/repos/{REPOSITORY}"))
        if found is None:
            return 404, "application/json", b'{"message":"Not Found"}', {}
        body = json.dumps(found).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        if headers.get("if-none-match") == etag:
            return 304, "", b"", {"ETag": etag}
        return 200, GITHUB_JSON, body, {"ETag": etag}

    def _api(self, path: str) -> Any:
        route, _, query = path.partition("?")
        page = int(query.partition("&page=")[2] or 1)
        window = slice((page - 1) * 100, page * 100)
        newest_first = list(reversed(self.releases))
        if route == "/releases/latest":
            return self._release(newest_first[0]) if newest_first else None
        if route.startswith("/releases/tags/"):
            tag = route.removeprefix("/releases/tags/")
            return self._release(tag) if tag in self.releases else None
        if route == "/tags":
            return [{"name": tag} for tag in (*newest_first, *self.bare_tags)][window]
        if route == "/releases" and self.lists_releases:
            return [self._release(tag) for tag in newest_first][window]
        return None

    def _release(self, tag: str) -> dict[str, Any]:
        assets = [{"name": name, "url": f"{self.url}/assets/{tag}/{name}"} for name in self.releases[tag]]
        return {"tag_name": tag, "html_url": f"{self.url}/releases/{tag}", "assets": assets}

    def _asset(self, path: str) -> tuple[int, str, bytes, dict[str, str]]:
        if self.assets_at:
            return 302, "", b"", {"Location": self.assets_at + path}
        self.gate.wait(timeout=60)
        _, _, tag, name = path.split("/")
        body = self.releases.get(tag, {}).get(name)
        return (404, "text/plain", b"", {}) if body is None else (200, "application/octet-stream", body, {})

    def _index(self) -> tuple[int, str, bytes, dict[str, str]]:
        files = [self._file(tag, name) for tag, held in self.releases.items() for name in held if name.endswith(".whl")]
        if self.simple_form == "json":
            return 200, SIMPLE_JSON, json.dumps({"meta": {"api-version": "1.0"}, "files": files}).encode(), {}
        links = "\n".join(_link(file) for file in files)
        return 200, "text/html", f"<!DOCTYPE html><html><body>\n{links}\n</body></html>".encode(), {}

    def _file(self, tag: str, name: str) -> dict[str, Any]:
        digest = hashlib.sha256(self.releases[tag][name]).hexdigest()
        return {
            "filename": name,
            "url": f"../../assets/{tag}/{name}",
            "hashes": {"sha256": digest} if self.has_index_hashes else {},
            "requires-python": self.requires_python.get(tag),
            "yanked": tag in self.yanked,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append(Seen(self.path, headers))
                status, kind, body, more = outer.answer(self.path, headers)
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet: the tests look at `seen`."""

        return Handler


def checksum_text(files: dict[str, bytes]) -> str:
    return "# SHA-256\n" + "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in files.items())


def _link(file: dict[str, Any]) -> str:
    digest = file["hashes"].get("sha256", "")
    fragment = f"#sha256={digest}" if digest else ""
    wanted = file["requires-python"]
    python = f' data-requires-python="{wanted.replace("<", "&lt;").replace(">", "&gt;")}"' if wanted else ""
    yanked = ' data-yanked=""' if file["yanked"] else ""
    return f'<a href="{file["url"]}{fragment}"{python}{yanked}>{file["filename"]}</a>'
