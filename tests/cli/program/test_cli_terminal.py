"""On a real terminal: colours, relative times, questions, Ctrl-C."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cictl_testing.screen import Screen, end
from cictl_testing.shop import LONG_AGO, Shop, job

from cictl.cli.app.exit_codes import ExitCode
from cictl.wire.jobs import JobStatus
from tests.cli.conftest import Run


def test_table_is_coloured_with_relative_times(screen: Screen) -> None:
    text = screen.show("agents", "list")
    assert "\x1b[" in text
    assert "d ago" in text


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
def test_no_colour_where_it_is_unwanted(screen: Screen, env: dict[str, str]) -> None:
    text = screen.show("agents", "list", env=env)
    assert "build-1" in text
    assert "\x1b[3" not in text


def test_lines_fit_the_screen(screen: Screen, shop: Shop) -> None:
    long = {"pipeline_job_id": "integration-tests", "matrix_name": "linux-amd64"}
    shop.put(job("job-1795417944657170849", JobStatus.RUNNING, metadata=long))
    lines = screen.show("jobs", "list", env={"TERM": "dumb"}).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("job-1795417944657170849" in line for line in lines)


def test_a_screen_too_narrow_loses_nothing(screen: Screen) -> None:
    text = screen.show("agents", "list", columns=30, env={"TERM": "dumb"})
    assert "linux/amd64" in text
    assert "d ago" in text


def test_details_are_folded_below_themselves(screen: Screen) -> None:
    lines = screen.show("agents", "show", "build-1", columns=40).splitlines()
    begin = next(n for n, line in enumerate(lines) if "heartbeat" in line)
    assert lines[begin : begin + 2] == ["  Sun 02 Jan 03:04:05 heartbeat", "  version=1.2.3 platform=linux/amd64"]
    assert max(map(len, lines)) <= 40


def test_columns_variable_wins_over_the_screen(screen: Screen, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.RUNNING, metadata={"matrix_name": "x" * 60}))
    assert max(map(len, screen.show("jobs", "list", env={"TERM": "dumb", "COLUMNS": "70"}).splitlines())) <= 70
    assert max(map(len, screen.show("jobs", "list", env={"TERM": "dumb", "COLUMNS": "200"}).splitlines())) > 100


def test_delete_asks_and_takes_yes(screen: Screen, shop: Shop) -> None:
    child = screen.start("projects", "delete", "shop")
    child.expect_exact("delete project shop? [y/N]")
    child.sendline("y")
    assert end(child) == 0
    assert shop.projects() == []


def test_delete_asks_and_takes_no_for_no(screen: Screen, shop: Shop) -> None:
    child = screen.start("projects", "delete", "shop")
    child.expect_exact("[y/N]")
    child.sendline("")
    assert end(child) == ExitCode.ERROR
    assert len(shop.projects()) == 1


def test_ctrl_c_detaches(screen: Screen, shop: Shop) -> None:
    shop.append("job-2", b"compiling\n")
    shop.when_asked(lambda job_id: shop.change(job_id, status=JobStatus.RUNNING, current_step="Step 1/1: make"))
    child = screen.start("run", "shop/build/compile", "--follow")
    for _ in range(2):  # in either order: the log comes on a thread of its own
        child.expect_exact(["compiling", "running: Step 1/1: make"])
    child.sendintr()
    child.expect_exact("Attach again with: cictl jobs logs -f 1/compile")
    assert end(child) == ExitCode.INTERRUPTED
    assert shop.job("job-2").status is JobStatus.RUNNING


def test_ctrl_c_during_logs_says_where_to_go_on(screen: Screen, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.RUNNING), log=b"compiling\n")
    child = screen.start("jobs", "logs", "-f", "job-1")
    child.expect_exact("compiling")
    child.sendintr()
    child.expect_exact("cictl jobs logs -f job-1 --offset 10")
    assert end(child) == ExitCode.INTERRUPTED


def test_download_shows_progress(screen: Screen, shop: Shop, home: Path) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED))
    shop.keep("job-1", {"app": b"x" * 5_000_000})
    assert "MB" in screen.show("jobs", "download", "job-1", "app", env={"COLUMNS": "100"})
    assert (home / "app").stat().st_size == 5_000_000


def test_download_is_still_where_motion_is_unwanted(screen: Screen, shop: Shop) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED))
    shop.keep("job-1", {"app": b"x"})
    assert screen.show("jobs", "download", "job-1", "app", env={"TERM": "dumb"}).split() == [
        "FILE",
        "SIZE",
        "app",
        "1",
        "B",
    ]


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_tables_keep_ids_states_and_times_at_any_width(screen: Screen, shop: Shop, columns: int) -> None:
    """Names give way first: they are shortened in the middle."""
    facts = {"project": "warehouse-management", "pipeline_id": "nightly-integration-tests", "run_number": "41"}
    ended = {"started_utc": LONG_AGO, "finished_utc": LONG_AGO + timedelta(seconds=65)}
    shop.put(job("job-1", JobStatus.SUCCEEDED, metadata=facts, **ended))
    row = screen.show("jobs", "list", columns=columns).splitlines()[1]
    text = re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", row)  # without colours and links
    words = text.split()
    assert (words[0], words[1], words[-1]) == ("41/compile", "succeeded", "1m05s")
    assert len(text.rstrip()) <= max(columns, 80)
    assert ("warehouse-management/nightly-integration-tests" in words) is (columns > 80)
    assert "tests" in words[3] or "…" in words[3]


def test_errors_are_folded_between_words(screen: Screen) -> None:
    shown = screen.show("jobs", "show", "nothing-of-that-name-that-anybody-knows-of", columns=60)
    assert "of' not\r\n       found\r\n" in shown


def test_a_board_keeps_its_rows_after_ctrl_c(screen: Screen, shop: Shop) -> None:
    shop.put(job("job-1"), job("job-2", metadata={"pipeline_job_id": "test"}))
    child = screen.start("jobs", "watch", "job-1", "job-2")
    child.expect_exact("compile")
    child.expect_exact("test")
    child.sendintr()
    child.expect_exact("interrupted;")
    assert "compile" in str(child.before).rpartition("\x1b[2K")[2], "what was drawn last is not wiped out"
    assert end(child) == ExitCode.INTERRUPTED


def test_deactivating_a_busy_agent_says_what_ends_and_asks(screen: Screen, shop: Shop) -> None:
    facts = {"run_number": "41"}
    shop.put(job("job-1", JobStatus.RUNNING, leased_by_agent_id="build-1", metadata=facts))
    child = screen.start("agents", "deactivate", "build-1")
    child.expect_exact("this cancels 41/compile, which build-1 has")
    child.expect_exact("deactivate build-1? [y/N]")
    child.sendline("n")
    assert end(child) == ExitCode.ERROR
    assert not shop.agent("build-1").deactivated
    assert "[y/N]" not in screen.show("agents", "deactivate", "build-1", "--yes")
    assert "[y/N]" not in screen.show("agents", "deactivate", "build-2"), "an idle one is not worth a question"


def test_a_log_ends_with_a_newline_on_a_terminal_only(screen: Screen, shop: Shop, cli: Run) -> None:
    shop.put(job("job-1", JobStatus.SUCCEEDED), log=b"no end")
    assert screen.show("jobs", "logs", "job-1").endswith("no end\r\n")
    assert screen.show("jobs", "logs", "-f", "job-1").endswith("no end\r\n")
    assert cli("jobs", "logs", "job-1").out == "no end"


def test_help_is_as_wide_as_the_terminal(screen: Screen) -> None:
    sentence = "A run's number stands for all of its jobs. Of several jobs the exit code is that of the worst failure."
    assert sentence in screen.show("jobs", "cancel", "--help", columns=150)


def test_filters_and_short_ids_on_a_terminal_and_through_a_pipe(screen: Screen, shop: Shop, home: Path) -> None:
    shop.put(
        job("job-1", JobStatus.QUEUED, metadata={"run_number": "41"}),
        job("job-2", JobStatus.SUCCEEDED, metadata={"run_number": "41", "pipeline_job_id": "test"}),
    )
    shown = screen.show("jobs", "list", "--status", "queued", "--project", "sho", "--run", "41")
    assert "41/compile" in shown
    assert "41/test" not in shown
    program = f"{sys.executable} -m cictl.cli.app.main"
    piped = f"{program} jobs list --status queued -o name | {program} jobs cancel -"
    ran = subprocess.run(piped, shell=True, env=screen.env, cwd=home, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr.startswith("41/compile: ")
    assert shop.job("job-1").status is JobStatus.FAILED
