"""Where the program begins: completion of names, `cictl version` and `cictl healthcheck` are answered without loading the commands."""

from __future__ import annotations

import os
import sys

from cictl.base.system.collector import collect_rarely

COMPLETE = "__complete"
"""The hidden command that completion scripts call, as `cictl __complete KIND WORDS...`; see `candidates`."""


def main() -> int:
    """Run the process's command line and return its exit code."""
    collect_rarely()
    from cictl.cli.output.device import open_standard_streams

    open_standard_streams()
    if sys.argv[1:2] == [COMPLETE]:
        from cictl.cli.completion.candidates import answer

        return answer(sys.argv[2:])
    if sys.argv[1:] in (["version"], ["--version"]) and not os.environ.get("CICTL_OUTPUT") and _write_version():
        return 0
    if sys.argv[1:] == ["healthcheck"]:
        from cictl.cli.server.health import answer as answer_health

        code = answer_health()
        if code is not None:
            return code
    from cictl.cli.app.main import main as run

    return run()


def _write_version() -> bool:
    """Write what `cictl version` writes, and tell whether that was possible; if not, the command tells why."""
    import cictl
    from cictl.cli.output.device import output_error

    try:
        sys.stdout.write(f"cictl {cictl.__version__}\n")
        sys.stdout.flush()
    except OSError:
        return False
    return output_error(sys.stdout) is None


if __name__ == "__main__":
    sys.exit(main())
