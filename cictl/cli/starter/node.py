"""Node: a package.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cictl.cli.starter.part import Part, read

_LOCKS = {
    "pnpm-lock.yaml": ("pnpm", "pnpm install --frozen-lockfile"),
    "yarn.lock": ("yarn", "yarn install --immutable"),
    "bun.lock": ("bun", "bun install --frozen-lockfile"),
    "package-lock.json": ("npm", "npm ci"),
    "npm-shrinkwrap.json": ("npm", "npm ci"),
}
_UNWRITTEN = "no test specified"
_SCRIPTS = ("lint", "build", "test")
"""What is run where package.json has it, in this order."""


def find(root: Path) -> Part | None:
    """Return the job for the package in *root*; None if there is none."""
    package = _package(root)
    if package is None:
        return None
    lock = next((name for name in _LOCKS if (root / name).exists()), "")
    manager, install = _LOCKS.get(lock, ("npm", "npm install"))
    scripts = {name: text for name, text in package.get("scripts", {}).items() if _UNWRITTEN not in str(text)}
    needs_any = lock or package.get("dependencies") or package.get("devDependencies")
    steps = [f"    - {{name: Install, run: {install}}}\n"] if needs_any else []
    for name in _SCRIPTS:
        if name == "test" and "node --test" in str(scripts.get(name, "")):
            steps.append(_NODE_TEST.format(manager=manager))
        elif name in scripts:
            steps.append(f"    - {{name: {name.capitalize()}, run: {manager} run {name}}}\n")
    if not steps:
        steps.append(
            "    # package.json has no scripts that could be run; write your own commands here.\n    - run: node --version\n"
        )
    tools = f'node: "*"{f", {manager}: {chr(34)}*{chr(34)}" if steps and manager != "npm" else ""}'
    cache = _CACHE.format(lock=lock) if manager == "npm" and lock else ""
    return Part(label=f"Node with {manager}", job=_JOB.format(tools=tools, cache=cache, steps="".join(steps)))


_JOB = """\
- id: node
  # The agent that takes it must have these.
  requires: {{tools: {{{tools}}}}}
{cache}  steps:
{steps}"""

_CACHE = """\
  # What npm downloads is kept from job to job, until the lock file changes.
  env: {{npm_config_cache: .cache/npm}}
  caches:
    - {{id: npm, path: .cache/npm, key: "{{{{hash_files('{lock}')}}}}"}}
"""

_NODE_TEST = """\
    # A test step leaves a report, so that `cictl jobs tests` and `cictl tests` know each test.
    - test:
        name: node
        command: {manager} test -- --test-reporter=junit --test-reporter-destination=report.xml
        format: junit-xml
        report: report.xml
"""


def _package(root: Path) -> dict[str, Any] | None:
    if not (root / "package.json").exists():
        return None
    try:
        package = json.loads(read(root / "package.json"))
    except ValueError:
        return {}
    return package if isinstance(package, dict) else {}
