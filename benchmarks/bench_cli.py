"""How soon a command is there, against `python -c pass`. Targets: a command that does nothing 6, --help 8, healthcheck 12, the TAB key 10."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median


def _seconds(command: list[str], environment: dict[str, str], *, repeats: int) -> float:
    """Return the median time of *repeats* runs."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - begun)
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    repeats = 5 if parser.parse_args().quick else 15
    from cictl_server.serve import Server, ServerConfig

    cictl = [sys.executable, "-c", "import sys; from cictl.cli.entry import main; sys.exit(main())"]
    with tempfile.TemporaryDirectory() as home:
        server = Server(ServerConfig(data_dir=Path(home), port=0))
        thread = threading.Thread(target=server.run)
        thread.start()
        environment = {**os.environ, "CICTL_SERVER_URL": server.url, "PYTHONDONTWRITEBYTECODE": ""}
        try:
            base = _seconds([sys.executable, "-c", "pass"], environment, repeats=repeats)
            print(f"{'python -c pass':44} {base * 1000:8.0f} ms")
            for name, arguments, target in (
                ("cictl version", ["version"], 6),
                ("cictl --help", ["--help"], 8),
                ("cictl healthcheck", ["healthcheck"], 12),
                ("names for the TAB key", ["__complete", "agents", "cictl", "agents", "show", ""], 10),
            ):
                found = _seconds([*cictl, *arguments], environment, repeats=repeats)
                print(f"{name:44} {found * 1000:8.0f} ms   {found / base:5.1f} times   (target {target})")
        finally:
            server.stop()
            thread.join()


if __name__ == "__main__":
    main()
