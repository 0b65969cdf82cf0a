"""The first five minutes: `cictl init && cictl run --local` in repositories of several shapes, by somebody who has nothing yet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cictl_testing.files import make_repository
from cictl_testing.samples import CMAKE, GO, MAKE, NODE, PYTHON, RUST, Sample

from cictl.cli.app.exit_codes import ExitCode

SAMPLES = [pytest.param(sample, id=sample.tool) for sample in (PYTHON, NODE, GO, RUST, MAKE, CMAKE)]


def newcomer(home: Path) -> dict[str, str]:
    """Return the environment of a user without any file. Where rustup has toolchains is the machine's matter, not the user's."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CICTL_", "CIWI_", "XDG_"))}
    rustup = os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup"
    return {**env, "HOME": str(home), "RUSTUP_HOME": str(rustup)}


def cictl(*arguments: str, home: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cictl", *arguments]
    return subprocess.run(
        command,
        cwd=directory,
        env=newcomer(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_init_writes_builds_the_repository(sample: Sample, tmp_path: Path) -> None:
    home, repository = tmp_path / "home", make_repository(tmp_path / "sample", sample.files)
    home.mkdir()
    written = cictl("init", home=home, directory=repository)
    assert (written.returncode, written.stdout) == (ExitCode.OK, "")
    assert f"cictl.yaml: {sample.found}\n" in written.stderr
    assert cictl("lint", home=home, directory=repository).returncode == ExitCode.OK
    ran = cictl("run", "--local", "--wait", "-o", "json", home=home, directory=repository)
    if shutil.which(sample.tool) is None:  # then the run has to say so, and must not wait for a miracle
        assert ran.returncode == ExitCode.NO_AGENT
        assert f"{sample.tool} is missing" in json.loads(ran.stderr.splitlines()[-1])["error"]["message"]
        return
    assert ran.returncode == ExitCode.OK, ran.stderr
    jobs = json.loads(ran.stdout)["job_executions"]
    assert tuple(job["metadata"]["pipeline_job_id"] for job in jobs) == sample.jobs
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert sum(job.get("test_summary", {}).get("passed", 0) for job in jobs) == sample.tests
