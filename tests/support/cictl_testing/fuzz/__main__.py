"""`make fuzz ARGS='TARGET --minutes 10'`: try the properties of one file in `tests/fuzz` with fresh examples."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from cictl_testing.fuzz.budget import MINUTES

_FOLDER = Path(__file__).parents[3] / "fuzz"


def main() -> int:
    """Return the exit code of pytest: 0 when no property failed."""
    targets = sorted(path.stem.removeprefix("test_fuzz_") for path in _FOLDER.glob("test_fuzz_*.py"))
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=__doc__)
    parser.add_argument("target", choices=targets, help="a file in tests/fuzz: " + ", ".join(targets), metavar="TARGET")
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="for all properties of the target together (default: 1)"
    )
    options = parser.parse_args()
    file = _FOLDER / f"test_fuzz_{options.target}.py"
    command = [sys.executable, "-m", "pytest", str(file), "-q", "-s", "-p", "no:randomly", "-p", "no:xdist"]
    environ = {**os.environ, MINUTES: str(options.minutes)}
    return subprocess.run([*command, "--timeout", "0", "--show-capture", "no"], env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
