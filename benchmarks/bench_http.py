"""The API under load, against a null endpoint on the same falcon and waitress. Targets: docs/design.md."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from load import Connection, rate

CONNECTIONS = 16


@contextmanager
def _served(target: Any, *arguments: Any) -> Iterator[str]:
    """Run a server in a process of its own, and yield its URL."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, *arguments))
    process.start()
    try:
        yield mine.recv()
    finally:
        mine.send("stop")
        process.join(20)
        process.kill()


def _serve_null(pipe: Any) -> None:
    import falcon
    import waitress

    class Null:
        def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
            req.bounded_stream.read()
            resp.data = b"{}"

    app: falcon.App[Any, Any] = falcon.App()
    app.add_route("/null", Null())
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=96, connection_limit=1000)
    threading.Thread(target=server.run, daemon=True).start()
    pipe.send(f"http://127.0.0.1:{server.effective_port}")
    pipe.recv()


def _serve_cictl(pipe: Any, directory: str, queued: int, finished: int) -> None:
    from bench_store import fill

    from cictl.wire.jobs import JobStatus
    from cictl_server.serve import Server, ServerConfig
    from cictl_server.store.tiny import TinyStore

    with TinyStore.open(Path(directory)) as store:
        fill(store, 0, finished, JobStatus.SUCCEEDED)
        fill(store, finished, finished + queued, JobStatus.QUEUED)
    server = Server(ServerConfig(data_dir=Path(directory), port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    pipe.send(server.url)
    pipe.recv()
    server.stop()
    thread.join()


def _null(connection: Connection, _index: int) -> int:
    connection.send("POST", "/null", b'{"agent_id":"a"}')
    return 1


def _heartbeat(connection: Connection, index: int) -> int:
    body = b'{"agent_id":"agent-%d","hostname":"h","os":"linux","arch":"amd64","capabilities":{"tool.git":"2.39"}}'
    connection.send("POST", "/api/v1/heartbeat", body % index)
    return 1


def _empty_lease(connection: Connection, index: int) -> int:
    connection.send("POST", "/api/v1/agent/lease", b'{"agent_id":"agent-%d","capabilities":{"os":"beos"}}' % index)
    return 1


def _whole_job(connection: Connection, index: int) -> int:
    """Lease, three log updates, finish: five requests, or one when nothing is queued."""
    agent = b"worker-%d" % index
    _, body = connection.send("POST", "/api/v1/agent/lease", b'{"agent_id":"%s","capabilities":{"os":"linux"}}' % agent)
    job = json.loads(body).get("job_execution")
    if job is None:
        return 1
    path = f"/api/v1/jobs/{job['id']}/status"
    for number in range(3):
        report = b'{"agent_id":"%s","status":"running","output_append":"0123456789","output_offset":%d}'
        connection.send("POST", path, report % (agent, number * 10), headers="Prefer: return=minimal\r\n")
    final = b'{"agent_id":"%s","status":"succeeded","exit_code":0,"output_size":30}' % agent
    connection.send("POST", path, final, headers="Prefer: return=minimal\r\n")
    return 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second instead of five for each figure")
    seconds = 1.0 if parser.parse_args().quick else 5.0
    options = {"connections": CONNECTIONS, "seconds": seconds}
    with tempfile.TemporaryDirectory() as home:
        with _served(_serve_null) as url:
            null = rate(url, _null, **options)  # type: ignore[arg-type]
        print(f"{'null endpoint':44} {null:8.0f}/s")
        with _served(_serve_cictl, f"{home}/small", 20_000, 0) as url:
            for name, work, target in (
                ("heartbeat", _heartbeat, 0.6),
                ("lease that finds nothing, 20,000 queued", _empty_lease, 0.6),
                ("whole job, durable, per request", _whole_job, 0.35),
            ):
                found = rate(url, work, **options)  # type: ignore[arg-type]
                print(f"{name:44} {found:8.0f}/s   {found / null:5.2f} of null   (target {target})")


if __name__ == "__main__":
    main()
