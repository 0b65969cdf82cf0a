"""The log of a real server."""

from __future__ import annotations

import re

from cictl_testing.files import make_repository
from cictl_testing.processes import Workplace

_RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")


def test_what_git_and_callers_say_stays_on_the_line_of_its_record(workplace: Workplace) -> None:
    """Of a remote that can't be read git says several lines, and whoever names it says more."""
    text = "version: 1\nproject: {name: x}\npipelines: [{id: p, jobs: [{id: j, steps: [{run: x}]}]}]\n"
    make_repository(workplace.directory / "repository", {"cictl.yaml": text})
    for url in ("/no/such/repository", "/no/\u202erepository", "https://127.0.0.1:1/\u2028x"):
        assert workplace.cictl("projects", "import", url).returncode != 0
    workplace.server.stop()
    lines = [line for line in workplace.server.output.splitlines() if line != "stopped"]
    told = [line for line in lines if "remote failed" in line]
    assert len(told) == 3
    assert "\\u000a" in told[0]
    assert "\u202e" not in workplace.server.output
    begins = next(number for number, line in enumerate(lines) if " serves " in line)
    assert [line for line in lines[begins + 1 :] if not _RECORD.match(line)] == []
