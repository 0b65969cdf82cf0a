"""How long commands take, as multiples of `python -c pass`.

Targets: 6 for a command that does nothing, 6 for `--help`, 9 for `healthcheck`, 10 for the TAB key.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

from figures import Figure, in_turns, options


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return how many seconds *command* took; it must succeed."""
    begun = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    arguments, report = options(__doc__)
    repeats = 5 if arguments.quick else 15
    from cictl_server.serve import Server, ServerConfig

    cictl = [sys.executable, "-c", "import sys; from cictl.cli.entry import main; sys.exit(main())"]
    with tempfile.TemporaryDirectory() as home:
        server = Server(ServerConfig(data_dir=Path(home), port=0))
        thread = threading.Thread(target=server.run)
        thread.start()
        environment = {**os.environ, "CICTL_SERVER_URL": server.url, "PYTHONDONTWRITEBYTECODE": ""}
        try:
            for name, words, target in (
                ("cictl version", ["version"], 6),
                ("cictl --help", ["--help"], 6),
                ("cictl healthcheck", ["healthcheck"], 9),
                ("names for the TAB key", ["__complete", "agents", "cictl", "agents", "show", ""], 10),
            ):
                _, value, ratio = in_turns(
                    partial(_seconds, [sys.executable, "-c", "pass"], environment),
                    partial(_seconds, [*cictl, *words], environment),
                    rounds=repeats,
                )
                base, aim = "python -c pass", f"<= {target}"
                report.add(Figure(name=name, value=value * 1000, unit="ms", ratio=ratio, base=base, target=aim))
        finally:
            server.stop()
            thread.join()


if __name__ == "__main__":
    main()
