"""A git server by HTTP on the loopback that wants a login: git's own `http-backend` over a directory of repositories."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cictl_testing.files import git

LOGIN = "me:s3cret"


class GitServer:
    """Serves each `<name>.git` below *root* at `<url>/<name>.git`.

    Attributes:
        url: Without a login.
        url_with_login: With it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._httpd.server_port}"
        self.url, self.url_with_login = f"http://{self.host}", f"http://{LOGIN}@{self.host}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.01,), name="git-server")
        self._thread.start()

    def close(self) -> None:
        self._httpd.shutdown()
        self._thread.join()
        self._httpd.server_close()

    def publish(self, work: Path, name: str) -> None:
        """Serve what is committed in *work* as `<name>.git`."""
        git(self._root, "clone", "-q", "--bare", str(work), f"{name}.git")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        root, wanted = self._root, "Basic " + base64.b64encode(LOGIN.encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("Authorization") != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="git"')
                    self.end_headers()
                    return
                head, _, body = self._backend().partition(b"\r\n\r\n")
                fields = [line.partition(": ") for line in head.decode().split("\r\n")]
                status = next((value for name, _, value in fields if name == "Status"), "200 OK")
                self.send_response(int(status.split()[0]))
                for name, _, value in fields:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def _backend(self) -> bytes:
                path, _, query = self.path.partition("?")
                size = int(self.headers.get("Content-Length") or 0)
                told = {
                    "GIT_PROJECT_ROOT": str(root),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                    "CONTENT_LENGTH": str(size),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
                    "REMOTE_USER": "me",
                }
                done = subprocess.run(
                    ["git", "http-backend"],
                    input=self.rfile.read(size),
                    env={**os.environ, **told},
                    capture_output=True,
                    check=True,
                )
                return done.stdout

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler
