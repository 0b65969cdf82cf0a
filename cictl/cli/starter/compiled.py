"""Go, Rust, Java and C: each has a file that says how it is built."""

from __future__ import annotations

import re
from pathlib import Path

from cictl.cli.starter.part import Part, read

_GO_VERSION = re.compile(r"^go (\d+(?:\.\d+)*)", re.MULTILINE)
_TARGET = re.compile(r"^([A-Za-z0-9_-]+)\s*:(?!=)", re.MULTILINE)


def find_go(root: Path) -> Part | None:
    """Return the job for a Go module; None if there is none."""
    if not (root / "go.mod").exists():
        return None
    version = _GO_VERSION.search(read(root / "go.mod"))
    return Part(label="Go", job=_GO.format(version=f">={version[1]}" if version else "*"))


def find_rust(root: Path) -> Part | None:
    """Return the job for a Cargo package or workspace; None if there is none."""
    if not (root / "Cargo.toml").exists():
        return None
    locked = " --locked" if (root / "Cargo.lock").exists() else ""
    return Part(label="Rust", job=_RUST.format(locked=locked))


def find_java(root: Path) -> Part | None:
    """Return the job for Maven or Gradle; None if neither is there."""
    if (root / "pom.xml").exists():
        command = "./mvnw" if (root / "mvnw").exists() else "mvn"
        tools = 'java: "*"' if command == "./mvnw" else 'mvn: "*"'
        return Part(label="Java with Maven", job=_MAVEN.format(command=command, tools=tools))
    if any((root / name).exists() for name in ("build.gradle", "build.gradle.kts")):
        command = "./gradlew" if (root / "gradlew").exists() else "gradle"
        tools = 'java: "*"' if command == "./gradlew" else 'gradle: "*"'
        return Part(label="Java with Gradle", job=_GRADLE.format(command=command, tools=tools))
    return None


def find_c(root: Path) -> Part | None:
    """Return the job for CMake, Meson or make; None if there is nothing of them."""
    if (root / "CMakeLists.txt").exists():
        has_tests = "enable_testing" in read(root / "CMakeLists.txt") or "include(CTest)" in read(
            root / "CMakeLists.txt"
        )
        return Part(label="C with CMake", job=_CMAKE + (_CTEST if has_tests else ""))
    if (root / "meson.build").exists():
        return Part(label="C with Meson", job=_MESON)
    makefile = next((root / name for name in ("Makefile", "makefile", "GNUmakefile") if (root / name).exists()), None)
    if makefile is None:
        return None
    targets = _TARGET.findall(read(makefile))
    check = next((name for name in ("check", "test") if name in targets), "")
    test = f"    - {{name: Test, run: make {check}}}\n" if check else ""
    return Part(label="make", job=_MAKE + test)


_GO = """\
- id: go
  # The agent that takes it must have this.
  requires: {{tools: {{go: "{version}"}}}}
  # Modules and compiled packages are kept from job to job.
  go_cache: {{enabled: true}}
  steps:
    - {{name: Vet, run: go vet ./...}}
    # A test step leaves a report, so that `cictl jobs tests` and `cictl tests` know each test.
    - test:
        name: go
        command: go test -json -coverprofile=coverage.out ./... > report.json
        format: go-test-json
        report: report.json
        coverage_format: go-coverprofile
        coverage_report: coverage.out
"""

_RUST = """\
- id: rust
  # The agent that takes it must have this.
  requires: {{tools: {{cargo: "*"}}}}
  # What was compiled is kept from job to job, until the lock file changes.
  caches:
    - {{id: target, path: target, key: "{{{{hash_files('**/Cargo.lock', '**/Cargo.toml')}}}}"}}
  steps:
    - {{name: Build, run: cargo build{locked} --all-targets}}
    - {{name: Test, run: cargo test{locked}}}
"""

_MAVEN = """\
- id: java
  # The agent that takes it must have this.
  requires: {{tools: {{{tools}}}}}
  steps:
    # A test step leaves a report, so that `cictl jobs tests` and `cictl tests` know each test.
    - test:
        name: maven
        command: {command} -B -q verify
        format: junit-xml
        report: "**/target/surefire-reports/*.xml"
  # The server keeps these files.
  artifacts: ["target/*.jar"]
"""

_GRADLE = """\
- id: java
  # The agent that takes it must have this.
  requires: {{tools: {{{tools}}}}}
  steps:
    # A test step leaves a report, so that `cictl jobs tests` and `cictl tests` know each test.
    - test:
        name: gradle
        command: {command} --no-daemon build
        format: junit-xml
        report: "**/build/test-results/test/*.xml"
  # The server keeps these files.
  artifacts: ["build/libs/*.jar"]
"""

_CMAKE = """\
- id: cmake
  # The agent that takes it must have this.
  requires: {tools: {cmake: "*"}}
  steps:
    - {name: Configure, run: cmake -S . -B build -DCMAKE_BUILD_TYPE=Release}
    - {name: Build, run: cmake --build build --parallel}
"""

_CTEST = """\
    # A test step leaves a report, so that `cictl jobs tests` and `cictl tests` know each test.
    - test:
        name: ctest
        command: ctest --test-dir build --output-on-failure --output-junit ../report.xml
        format: junit-xml
        report: report.xml
"""

_MESON = """\
- id: meson
  # The agent that takes it must have these.
  requires: {tools: {meson: "*", ninja: "*"}}
  steps:
    - {name: Build, run: meson setup build && meson compile -C build}
    # A test step leaves a report, so that `cictl jobs tests` and `cictl tests` know each test.
    - test:
        name: meson
        command: meson test -C build
        format: junit-xml
        report: build/meson-logs/testlog.junit.xml
"""

_MAKE = """\
- id: make
  # The agent that takes it must have this.
  requires: {tools: {make: "*"}}
  steps:
    - {name: Build, run: make}
"""
