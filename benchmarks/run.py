"""Running the benchmarks, one after the other: `make bench`.

`make bench ARGS="--quick"` is short, `ARGS="--json FILE"` writes the figures to a file, `ARGS="--against FILE"` compares
them with those in a file, and `ARGS="http cli"` runs only the benchmarks that it names; `page` stands for those that
docs/performance.md tells.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = ("start", "cli", "jobs", "ci", "http", "store", "curves", "waiting", "connections", "bytes")
"""The benchmarks of docs/performance.md, in the order of its table."""


def main() -> int:
    here = Path(__file__).parent
    scripts = {script.stem.removeprefix("bench_"): script for script in sorted(here.glob("bench_*.py"))}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(scripts)}, or page; default: all")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and shorter rounds")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--against", type=Path, help="compare with the figures in this file")
    arguments = parser.parse_args()
    named = [name for given in arguments.names for name in (PAGE if given == "page" else (given,))]
    if unknown := set(named) - set(scripts):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(scripts)}")
    passed = ["--quick"] if arguments.quick else []
    passed += ["--against", str(arguments.against)] if arguments.against else []
    figures: list[object] = []
    worst = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in named or scripts:
            print(f"\n== {name}", flush=True)
            told = Path(scratch, f"{name}.json")
            command = [sys.executable, str(scripts[name]), *passed, "--json", str(told)]
            worst = max(worst, abs(subprocess.run(command, check=False).returncode))
            figures += json.loads(told.read_text()) if told.exists() else []
            if arguments.json:  # after each, so that a run that is ended loses none
                arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    return worst


if __name__ == "__main__":
    sys.exit(main())
