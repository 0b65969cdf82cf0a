"""A registry on this machine with one image, whose files can be held back."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cictl_testing.engines.image import image_tar

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


class Registry:
    """It speaks version 2 of Docker's protocol. No engine has its image yet, and nothing is below `absent`."""

    def __init__(self) -> None:
        self.released = threading.Event()
        """While it is not set, half of the image's files is all that is sent."""
        self.released.set()
        layer = image_tar(uuid.uuid4().bytes)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/bin/sh"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            }
        ).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _described(_CONFIG, config),
                "layers": [_described(_LAYER, layer)],
            }
        ).encode()
        self._blobs = {_digest(blob): (kind, blob) for kind, blob in ((_CONFIG, config), (_LAYER, layer))}
        self._manifests = dict.fromkeys(("1", _digest(manifest)), (_MANIFEST, manifest))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def image(self, name: str) -> str:
        """Return a name by which the image can be pulled."""
        return f"{self.address}/{name}:1"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        parts = path.strip("/").split("/")
        if parts == ["v2"]:
            return 200, "application/json", b"{}"
        name, kind, reference = "/".join(parts[1:-2]), parts[-2], parts[-1]
        found = (self._manifests if kind == "manifests" else self._blobs).get(reference)
        if name.startswith("absent") or not found:
            return 404, "application/json", _error("MANIFEST_UNKNOWN", "manifest unknown")
        return 200, *found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._send(with_body=False)

            def do_GET(self) -> None:
                self._send(with_body=True)

            def _send(self, *, with_body: bool) -> None:
                status, kind, body = registry._answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status == 200:
                    self.send_header("Docker-Content-Digest", _digest(body))
                self.end_headers()
                if not with_body:
                    return
                half = len(body) // 2
                try:
                    self.wfile.write(body[:half])
                    if kind == _LAYER:
                        registry.released.wait()
                    self.wfile.write(body[half:])
                except OSError:  # whoever pulled was stopped
                    self.close_connection = True

            def log_message(self, *_: Any) -> None: ...

        return Handler


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _described(kind: str, data: bytes) -> dict[str, object]:
    return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
