"""A program that passes for cictl where installations are tested: a server in some lines, in several flavours.

It runs on the standard library alone, as `cictl` of a wheel or as a script; `VERSION` and `FLAVOUR` are written in front.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

VERSION = "v0.0.0"
FLAVOUR = "good"


def value_of(option: str, default: str) -> str:
    return sys.argv[sys.argv.index(option) + 1] if option in sys.argv else default


def schema_of(state: Path) -> int:
    if not state.exists():
        return 1
    return int(json.loads(state.read_text())["_cictl"]["1"]["schema"])


def self_check() -> int:
    data = value_of("--data-dir", "")
    schema = schema_of(Path(data) / "state.json") if data else 1
    known = 2 if FLAVOUR == "migrates" else 1
    if schema > known or FLAVOUR == "refuses-data":
        print(f"cannot open database schema {schema}", file=sys.stderr)
        return 1
    if FLAVOUR == "reaches-no-database" and (store := os.environ.get("CICTL_STORE")):
        print(f"the database does not answer: {store}", file=sys.stderr)
        return 1
    told = "v99.0.0" if FLAVOUR == "tells-another-version" else VERSION
    print(json.dumps({"ok": True, "version": told, "schema": known}))
    return 0


class Answers(http.server.BaseHTTPRequestHandler):
    instance = uuid.uuid4().hex

    def do_GET(self) -> None:
        told = "v66.6.6" if FLAVOUR == "wrong-version" else VERSION
        answers: dict[str, dict[str, Any]] = {
            "/healthz": {"status": "ok"},
            "/api/v1/server-info": {"name": "cictl", "version": told, "instance_id": self.instance},
        }
        body = json.dumps(answers[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def serve() -> int:
    data = Path(value_of("--data-dir", "."))
    started = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    (data / "updates").mkdir(parents=True, exist_ok=True)
    (data / "updates" / "server.json").write_text(json.dumps({"pid": os.getpid(), "started": started}))
    with (data / "starts.log").open("a") as log:
        log.write(f"{VERSION}\n")
    state = data / "state.json"
    if schema_of(state) > 1 and FLAVOUR != "migrates":
        return 1
    if FLAVOUR == "migrates":
        state.write_text(json.dumps({"_cictl": {"1": {"schema": 2, "sequence": 1, "last_ids": {}}}}))
    if FLAVOUR in ("crashes", "migrates"):
        return 1
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(value_of("--port", "0"))), Answers)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0


def main() -> int:
    if "--version" in sys.argv:
        print(VERSION)
        return 0
    return {"serve": serve, "self-check": self_check}[sys.argv[1]]()


if __name__ == "__main__":
    sys.exit(main())
