"""Reports of real test runners: our counts are those that the runner prints.

A runner that is not installed has no test here, unless CICTL_TEST_EVERY_RUNNER demands it, as it does before a change lands.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cictl.wire.jobs import Step
from cictl_agent.job.reports import StepReports

SUITES = Path(__file__).parent / "suites"
"""Tiny suites in which something passes, fails, is skipped, and prints what XML can't hold."""

DEADLINE_SECONDS = 540

MAVEN_REPOSITORY = Path("/usr/share/maven-repo/org/apache/maven/plugins/maven-surefire-plugin")
"""Debian's, so that Maven asks no network."""

NODE_MODULES = Path(os.environ.get("CICTL_TEST_NODE_MODULES", "node_modules")).absolute()
"""Where jest and jest-junit are installed."""

EVERY_RUNNER = bool(os.environ.get("CICTL_TEST_EVERY_RUNNER"))


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A program that runs tests.

    Attributes:
        name: How it is called.
        needs: Programs, modules of Python (`python:name`) and paths that must be there.
        script: Runs the suite in the current directory, and prints how it went.
        report: The report that the script writes.
        format: The report's format.
        passed, failed, skipped, total: Patterns of the printed counts, which are added up; one without a group counts as 1.
    """

    name: str
    needs: tuple[str | Path, ...]
    script: str
    report: str
    format: str = "junit"
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    total: tuple[str, ...] = ()

    def is_installed(self) -> bool:
        return all(_is_there(need) for need in self.needs)

    def printed(self, output: str) -> tuple[int, int, int]:
        """Return passed, failed and skipped as the runner printed them."""
        failed, skipped = _sum(self.failed, output), _sum(self.skipped, output)
        passed = _sum(self.passed, output) if self.passed else _sum(self.total, output) - failed - skipped
        return passed, failed, skipped


def _is_there(need: str | Path) -> bool:
    if isinstance(need, Path):
        return need.exists()
    kind, _, module = need.partition(":")
    return bool(importlib.util.find_spec(module) if module else shutil.which(kind))


def _sum(patterns: tuple[str, ...], output: str) -> int:
    found = [match for pattern in patterns for match in re.finditer(pattern, output, re.MULTILINE)]
    return sum(int(match[1]) if match.groups() else 1 for match in found)


RUNNERS = [
    Runner(
        name="pytest",
        needs=("python:pytest",),
        script="python -m pytest -q -p no:cacheprovider -p no:randomly python/pytest_suite.py --junitxml out.xml",
        report="out.xml",
        passed=(r"(\d+) passed",),
        failed=(r"(\d+) (?:failed|errors?)\b",),
        skipped=(r"(\d+) (?:skipped|xfailed)",),
    ),
    Runner(
        name="unittest-xml-reporting",
        needs=("python:xmlrunner",),
        script="cd python && python -m xmlrunner unittest_suite -o ../out",
        report="out",
        total=(r"Ran (\d+) tests",),
        failed=(r"(?<!expected )(?:failures|errors)=(\d+)",),
        skipped=(r"(?:skipped|expected failures)=(\d+)",),
    ),
    Runner(
        name="node",
        needs=("node",),
        script="node --test --test-reporter=junit --test-reporter-destination=out.xml"
        " --test-reporter=tap --test-reporter-destination=stdout javascript/node.suite.mjs",
        report="out.xml",
        passed=(r"^# pass (\d+)",),
        failed=(r"^# fail (\d+)",),
        skipped=(r"^# (?:skipped|todo) (\d+)",),
    ),
    Runner(
        name="jest",
        needs=("node", NODE_MODULES / "jest", NODE_MODULES / "jest-junit"),
        script=f"ln -s '{NODE_MODULES}' javascript/node_modules; cd javascript; echo '{{}}' > package.json;"
        " JEST_JUNIT_OUTPUT_FILE=../out.xml node_modules/.bin/jest --ci --rootDir . --reporters=default --reporters=jest-junit",
        report="out.xml",
        # jest-junit writes a planned test as one that passed.
        passed=(r"^Tests:.* (\d+) passed", r"^Tests:.* (\d+) todo"),
        failed=(r"^Tests:.* (\d+) failed",),
        skipped=(r"^Tests:.* (\d+) skipped",),
    ),
    Runner(
        name="ctest",
        needs=("cmake", "ctest"),
        script="cmake -S c -B build && ctest --test-dir build --output-junit ../out.xml",
        report="out.xml",
        # Its sum takes what is skipped for passed, and leaves out what is disabled.
        passed=(r"   Passed  ",),
        failed=(r"(\d+) tests failed out of",),
        skipped=(r"\*\*\*Skipped  ", r"\*\*\*Not Run \(Disabled\)  "),
    ),
    Runner(
        name="googletest",
        needs=("g++", Path("/usr/include/gtest/gtest.h")),
        script="g++ -O0 -o tests c/googletest.cc -lgtest -lgtest_main -lpthread && ./tests --gtest_output=xml:out.xml",
        report="out.xml",
        passed=(r"\[  PASSED  \] (\d+) test",),
        failed=(r"\[  FAILED  \] (\d+) test",),
        skipped=(r"\[  SKIPPED \] (\d+) test", r"YOU HAVE (\d+) DISABLED"),
    ),
    Runner(
        name="catch2",
        needs=("g++", Path("/usr/include/catch2/catch.hpp")),
        script="g++ -O0 -o tests c/catch2.cc && { ./tests -r junit -o out.xml; ./tests; }",
        report="out.xml",
        passed=(r"test cases:.*\| (\d+) passed",),
        failed=(r"test cases:.*\| (\d+) failed \|",),
        skipped=(r"test cases:.*\| (\d+) failed as expected",),
    ),
    Runner(
        name="bats",
        needs=("bats",),
        script="bats --report-formatter junit --output . shell/shop.bats; bats --pretty shell/shop.bats",
        report="report.xml",
        total=(r"(\d+) tests,",),
        failed=(r"(\d+) failures?, ",),
        skipped=(r"(\d+) skipped$",),
    ),
    Runner(
        name="go",
        needs=("go",),
        script="cd go; go test -json ./... > ../out.json; go test -v ./...",
        report="out.json",
        format="go-test-json",
        passed=(r"--- PASS: ",),
        failed=(r"--- FAIL: ",),
        skipped=(r"--- SKIP: ",),
    ),
    Runner(
        name="gotestsum's events",
        needs=("go", "gotestsum"),
        script="cd go && gotestsum --jsonfile ../out.json",
        report="out.json",
        format="go-test-json",
        total=(r"DONE (\d+) tests",),
        failed=(r"(\d+) failures? in",),
        skipped=(r"(\d+) skipped,",),
    ),
    Runner(
        name="gotestsum's XML",
        needs=("go", "gotestsum"),
        script="cd go && gotestsum --junitfile ../out.xml",
        report="out.xml",
        total=(r"DONE (\d+) tests",),
        failed=(r"(\d+) failures? in",),
        skipped=(r"(\d+) skipped,",),
    ),
    Runner(
        name="surefire",
        needs=("mvn", "javac", MAVEN_REPOSITORY),
        script="cd java && mvn -B -o -s /etc/maven/settings-debian.xml -Dmaven.repo.local=/usr/share/maven-repo test",
        report="java/target/surefire-reports/TEST-*.xml",
        total=(r"^\[\w+\] Tests run: (\d+), Failures: \d+, Errors: \d+, Skipped: \d+$",),
        failed=(
            r"^\[\w+\] Tests run: \d+, Failures: (\d+), Errors: \d+, Skipped: \d+$",
            r"^\[\w+\] Tests run: \d+, Failures: \d+, Errors: (\d+), Skipped: \d+$",
        ),
        skipped=(r"^\[\w+\] Tests run: \d+, Failures: \d+, Errors: \d+, Skipped: (\d+)$",),
    ),
    Runner(
        name="phpunit",
        needs=("phpunit",),
        script="phpunit --log-junit out.xml php/PricesTest.php",
        report="out.xml",
        total=(r"Tests: (\d+)",),
        failed=(r"(?:Errors|Failures): (\d+)",),
        skipped=(r"Skipped: (\d+)",),
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "runner", [pytest.param(runner, id=runner.name) for runner in RUNNERS if EVERY_RUNNER or runner.is_installed()]
)
def test_our_counts_are_the_runners(runner: Runner, tmp_path: Path) -> None:
    shutil.copytree(SUITES, tmp_path, dirs_exist_ok=True)
    reports = StepReports(
        tmp_path, Step(kind="test", name="unit", test_report=runner.report, test_format=runner.format)
    )
    output = run(runner.script, tmp_path)
    suite = reports.read_tests()
    assert suite is not None
    assert (suite.passed, suite.failed, suite.skipped) == runner.printed(output), output
    assert suite.failed > 0
    assert suite.passed > 0
    assert reports.remarks == []


def run(script: str, directory: Path) -> str:
    """Run a script as a person at a terminal without colours would; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "HOME": str(directory / "home"),
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    return done.stdout.decode(errors="replace")
