"""Python: pyproject.toml, setup.py, requirements files, or tests beside modules."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from cictl.cli.starter.part import Part, read

_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "tox.ini", "pytest.ini")
_EXTRAS = ("test", "tests", "testing", "dev")
_AT_LEAST = re.compile(r">=\s*(\d+(?:\.\d+)+)")


def find(root: Path) -> Part | None:
    """Return the job for the Python code in *root*; None if there is none."""
    tests = [*root.glob("test_*.py"), *root.glob("tests/**/test_*.py")]
    if not tests and not any((root / name).exists() for name in _MARKS):
        return None
    settings = _settings(root)
    has_pytest = _names_pytest(root, settings)
    installs = _installs(root, settings, has_pytest=has_pytest)
    python = ".venv/bin/python" if installs else "python3"
    steps = [f"    - name: Install\n      run: |\n{_lines(installs)}"] if installs else []
    if has_pytest:
        steps.append(_PYTEST.format(python=python))
    elif tests:
        steps.append(f"    - name: Test\n      run: {python} -m unittest discover -v{_start(root)}\n")
    else:
        steps.append(
            f"    # No tests were found; this shows at least that every file compiles.\n    - run: {python} -m compileall -q .\n"
        )
    job = _JOB.format(version=_version(settings), cache=_CACHE if installs else "", steps="".join(steps))
    return Part(label="Python with pytest" if has_pytest else "Python", job=job)


_JOB = """\
- id: test
  # The agent that takes it must have this.
  requires: {{tools: {{python3: "{version}"}}}}
{cache}  steps:
{steps}"""

_CACHE = """\
  # What pip downloads is kept from job to job, until the files that name it change.
  env: {PIP_CACHE_DIR: .cache/pip}
  caches:
    - {id: pip, path: .cache/pip, key: "{{hash_files('pyproject.toml', 'setup.*', 'requirements*.txt')}}"}
"""

_PYTEST = """\
    # A test step leaves a report, so that `cictl jobs tests` and `cictl tests` know each test.
    - test:
        name: pytest
        command: {python} -m pytest --junitxml=report.xml
        format: junit-xml
        report: report.xml
"""


def _settings(root: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read(root / "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return {}


def _names_pytest(root: Path, settings: dict[str, Any]) -> bool:
    files = [
        root / "tox.ini",
        root / "setup.cfg",
        root / "setup.py",
        root / "noxfile.py",
        *root.glob("requirements*.txt"),
    ]
    return (
        "pytest" in str(settings)
        or any("pytest" in read(file) for file in files)
        or any((root / name).exists() for name in ("pytest.ini", "conftest.py", "tests/conftest.py"))
    )


def _installs(root: Path, settings: dict[str, Any], *, has_pytest: bool) -> list[str]:
    """Return the commands that install the project and what its tests need; none if it needs nothing."""
    pip = ".venv/bin/python -m pip install -q"
    lines = [f"{pip} -r {file.name}" for file in sorted(root.glob("requirements*.txt"))]
    if "project" in settings or "poetry" in settings.get("tool", {}) or (root / "setup.py").exists():
        extras = [name for name in _EXTRAS if name in settings.get("project", {}).get("optional-dependencies", {})]
        lines.append(f"{pip} -e '.[{','.join(extras)}]'" if extras else f"{pip} -e .")
    if has_pytest:
        lines.append(f"{pip} pytest")
    return ["python3 -m venv .venv", *lines] if lines else []


def _version(settings: dict[str, Any]) -> str:
    """Return the constraint of the file on Python, as far as it says the least version."""
    found = _AT_LEAST.search(str(settings.get("project", {}).get("requires-python", "")))
    return f">={found[1]}" if found else "*"


def _start(root: Path) -> str:
    return " -s tests" if (root / "tests").is_dir() and not (root / "tests" / "__init__.py").exists() else ""


def _lines(commands: list[str]) -> str:
    return "".join(f"        {command}\n" for command in commands)
