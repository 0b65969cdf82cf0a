"""The sample repository that `cictl demo` builds: a small shop with a matrix, needs, a test report and artifacts."""

from __future__ import annotations

import subprocess
from pathlib import Path

NAME = "teahouse"

_CONFIG = """\
version: 1
project:
  name: teahouse

pipelines:
  - id: build
    vcs_source:
      repo: {repo}
      ref: main
    jobs:
      - id: lint
        timeout_seconds: 60
        steps:
          - run: sh lint.sh menu.txt

      - id: test
        needs: [lint]
        timeout_seconds: 60
        matrix:
          include:
            - {{name: green, degrees: "70"}}
            - {{name: black, degrees: "95"}}
        steps:
          - run: echo "warming the pot for {{{{name}}}} tea"
          - test:
              name: brewing
              command: sh brew.sh {{{{name}}}} {{{{degrees}}}}
              format: junit-xml
              report: out/brewing.xml
        artifacts: ["out/*.txt"]

      - id: package
        needs: [test]
        timeout_seconds: 60
        steps:
          - run: mkdir -p dist && cp menu.txt dist/menu.txt
          - run: tar -czf dist/teahouse.tar.gz menu.txt
          - run: ls -l dist
        artifacts: ["dist/**"]

  - id: ping
    jobs:
      - id: pong
        steps:
          - run: "true"
"""

_LINT = """\
# Every line of the menu is "name degrees minutes".
while read -r name degrees minutes rest; do
    test -n "$minutes" && test -z "$rest" || { echo "bad line: $name"; exit 1; }
    echo "$name: ok"
    sleep 0.2
done < "$1"
"""

_BREW = """\
# Brews one tea in steps that can be watched, and leaves a JUnit report.
name=$1 degrees=$2
mkdir -p out
for step in "heat to $degrees degrees" "steep" "pour"; do
    echo "$name: $step"
    sleep 0.3
done
echo "$name at $degrees" > "out/$name.txt"
cat > out/brewing.xml <<XML
<testsuite name="brewing" tests="3">
  <testcase classname="tea.$name" name="temperature" time="0.3"/>
  <testcase classname="tea.$name" name="colour" time="0.3"/>
  <testcase classname="tea.$name" name="foam"><skipped message="tea has none"/></testcase>
</testsuite>
XML
"""

_MENU = """\
green 70 2
black 95 4
oolong 85 3
"""


def create(directory: Path) -> None:
    """Make *directory* a git repository with one commit on `main`.

    Raises:
        subprocess.CalledProcessError: git refuses; its words are on stderr.
    """
    directory.mkdir()
    files = {
        "cictl.yaml": _CONFIG.format(repo=directory),
        "lint.sh": _LINT,
        "brew.sh": _BREW,
        "menu.txt": _MENU,
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    author = ("-c", "user.name=cictl demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false")
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*author, "commit", "-q", "-m", "Open the teahouse"]):
        subprocess.run(["git", "-C", str(directory), *command], check=True, stdin=subprocess.DEVNULL)  # noqa: S603, S607 - our words; the git of the user
