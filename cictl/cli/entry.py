"""Where the program begins: a shell that asks for names is answered without loading the commands."""

from __future__ import annotations

import sys

COMPLETE = "__complete"
"""The hidden command that completion scripts call, as `cictl __complete KIND WORDS...`; see `candidates`."""


def main() -> int:
    """Run the process's command line and return its exit code."""
    if sys.argv[1:2] == [COMPLETE]:
        from cictl.cli.candidates import answer

        return answer(sys.argv[2:])
    from cictl.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
