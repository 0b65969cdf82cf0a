"""`cictl init`: what it finds in repositories, and that the file it writes runs."""

from __future__ import annotations

from pathlib import Path

import pexpect
import pytest
from cictl_testing.files import git, make_repository
from cictl_testing.samples import CMAKE, GO, MAKE, NODE, PYTHON
from cictl_testing.screen import Screen

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.starter.file import starter_for
from cictl.project_file import ProjectFile, lint, lint_warnings, parse
from tests.cli.conftest import Run

STEPS = [
    pytest.param(PYTHON.files, "Python", ["python3 -m unittest discover -v -s tests"], id="unittest"),
    pytest.param(
        {
            "pyproject.toml": "[project]\nname='p'\nrequires-python='>=3.10'\n[project.optional-dependencies]\ntest=['pytest']\n"
        },
        "Python with pytest",
        [
            (
                "python3 -m venv .venv\n.venv/bin/python -m pip install -q -e '.[test]'\n"
                ".venv/bin/python -m pip install -q pytest\n"
            ),
            ".venv/bin/python -m pytest --junitxml=report.xml",
        ],
        id="pytest-as-an-extra",
    ),
    pytest.param(
        {"requirements.txt": "", "requirements-dev.txt": "pytest\n", "test_a.py": ""},
        "Python with pytest",
        [
            (
                "python3 -m venv .venv\n.venv/bin/python -m pip install -q -r requirements-dev.txt\n"
                ".venv/bin/python -m pip install -q -r requirements.txt\n.venv/bin/python -m pip install -q pytest\n"
            ),
            ".venv/bin/python -m pytest --junitxml=report.xml",
        ],
        id="requirements",
    ),
    pytest.param(
        {"setup.py": ""},
        "Python",
        ["python3 -m venv .venv\n.venv/bin/python -m pip install -q -e .\n", ".venv/bin/python -m compileall -q ."],
        id="python-without-tests",
    ),
    pytest.param(
        {"pyproject.toml": "[tool.ruff]\nline-length = 9\n", "test_a.py": ""},
        "Python",
        ["python3 -m unittest discover -v"],
        id="settings-of-tools-alone",
    ),
    pytest.param(
        {"pyproject.toml": "no [ toml", "test_a.py": ""}, "Python", ["python3 -m unittest discover -v"], id="no-toml"
    ),
    pytest.param(
        NODE.files,
        "Node with npm",
        ["npm run lint", "npm test -- --test-reporter=junit --test-reporter-destination=report.xml"],
        id="node",
    ),
    pytest.param(
        {"package.json": '{"scripts": {"build": "tsc", "test": "jest"}}', "package-lock.json": "{}"},
        "Node with npm",
        ["npm ci", "npm run build", "npm run test"],
        id="npm-with-a-lock",
    ),
    pytest.param(
        {"package.json": '{"scripts": {"test": "vitest"}}', "pnpm-lock.yaml": ""},
        "Node with pnpm",
        ["pnpm install --frozen-lockfile", "pnpm run test"],
        id="pnpm",
    ),
    pytest.param(
        {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
        "Node with npm",
        ["node --version"],
        id="the-test-that-npm-init-writes",
    ),
    pytest.param({"package.json": "[]"}, "Node with npm", ["node --version"], id="no-package"),
    pytest.param(
        GO.files, "Go", ["go vet ./...", "go test -json -coverprofile=coverage.out ./... > report.json"], id="go"
    ),
    pytest.param(
        {"Cargo.toml": "", "Cargo.lock": ""},
        "Rust",
        ["cargo build --locked --all-targets", "cargo test --locked"],
        id="rust",
    ),
    pytest.param({"pom.xml": "", "mvnw": ""}, "Java with Maven", ["./mvnw -B -q verify"], id="maven"),
    pytest.param({"build.gradle.kts": ""}, "Java with Gradle", ["gradle --no-daemon build"], id="gradle"),
    pytest.param(
        CMAKE.files,
        "C with CMake",
        [
            "cmake -S . -B build -DCMAKE_BUILD_TYPE=Release",
            "cmake --build build --parallel",
            "ctest --test-dir build --output-on-failure --output-junit ../report.xml",
        ],
        id="cmake",
    ),
    pytest.param(
        {"meson.build": ""},
        "C with Meson",
        ["meson setup build && meson compile -C build", "meson test -C build"],
        id="meson",
    ),
    pytest.param(MAKE.files, "make", ["make", "make check"], id="make"),
    pytest.param({"GNUmakefile": "all:\n\ttrue\n"}, "make", ["make"], id="make-without-tests"),
    pytest.param({"Dockerfile": ""}, "a container image", ["docker build -f Dockerfile ."], id="image"),
    pytest.param({"README": ""}, "", ["ls"], id="nothing-known"),
]


def file_for(root: Path) -> ProjectFile:
    """Return the file for the code in *root*, which has no findings and no warnings."""
    text = starter_for(root, name="on: it's").text
    assert lint(text, config_file="cictl.yaml") == ()
    assert lint_warnings(text, config_file="cictl.yaml") == ()
    return parse(text, config_file="cictl.yaml")


@pytest.mark.parametrize(("files", "kind", "commands"), STEPS)
def test_each_kind_of_code_has_its_commands(
    files: dict[str, str], kind: str, commands: list[str], tmp_path: Path
) -> None:
    make_repository(tmp_path, files)
    assert starter_for(tmp_path, name="p").kinds == (() if kind == "" else (kind,))
    file = file_for(tmp_path)
    [job] = file.pipelines[0].jobs
    assert [step.test.command if step.test else step.run for step in job.steps] == commands
    assert file.name == "on: it's"


def test_what_the_code_asks_for_is_required_and_kept(tmp_path: Path) -> None:
    make_repository(
        tmp_path,
        {
            "pyproject.toml": "[project]\nrequires-python='>=3.10,<4'\n",
            "go.mod": "module m\n\ngo 1.21.3\n",
            "package.json": "{}",
            "package-lock.json": "",
            "Cargo.toml": "",
        },
    )
    jobs = {job.id: job for job in file_for(tmp_path).pipelines[0].jobs}
    assert [job.requires_tools for job in jobs.values()] == [
        {"python3": ">=3.10"},
        {"node": "*"},
        {"go": ">=1.21.3"},
        {"cargo": "*"},
    ]
    assert {id_: [cache.path or cache.env for cache in job.caches] for id_, job in jobs.items()} == {
        "test": [".cache/pip"],
        "node": [".cache/npm"],
        "go": ["GOCACHE", "GOMODCACHE"],
        "rust": ["target"],
    }


def test_the_name_is_that_of_the_place_it_came_from(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = make_repository(home / "clone", {"Makefile": "", "deep/x": ""})
    monkeypatch.chdir(repository / "deep")
    assert "\n  name: clone\n" in run("init", "--print").out
    git(repository, "remote", "add", "origin", "git@forge.example.com:team/shop.git")
    assert "\n  name: shop\n" in run("init", "--print").out
    assert "\n  name: other\n" in run("init", "--print", "--name", "other").out
    assert not (repository / "cictl.yaml").exists()


def test_a_file_that_is_there_stays(run: Run, home: Path) -> None:
    repository = make_repository(home / "shop", {"ciwi-project.yaml": "mine"})
    done = run("init", str(repository))
    assert done.code == ExitCode.CONFLICT
    assert f"{repository / 'ciwi-project.yaml'} is there already" in done.err
    assert (repository / "ciwi-project.yaml").read_text() == "mine"
    assert run("init", str(repository), "--force", "-o", "json").json() == {
        "file": str(repository / "ciwi-project.yaml"),
        "found": [],
        "other_ci": [],
    }
    assert parse((repository / "ciwi-project.yaml").read_text(), config_file="ciwi-project.yaml").name == "shop"


def test_files_of_other_cis_are_named(run: Run, home: Path) -> None:
    repository = make_repository(home / "shop", {".github/workflows/ci.yml": "", ".gitlab-ci.yml": ""})
    assert (
        "there is .github/workflows/ci.yml, .gitlab-ci.yml too, which stays as it is; `cictl convert .github/workflows/ci.yml`"
        in run("init", str(repository)).err
    )


def test_a_directory_that_is_not_there(run: Run, home: Path) -> None:
    assert run("init", str(home / "none")).code == ExitCode.USAGE


def test_on_a_terminal_it_offers_to_run_the_file(home: Path) -> None:
    make_repository(home, MAKE.files)
    screen = Screen("http://127.0.0.1:9", home)
    shown = screen.start("init", env={"XDG_CACHE_HOME": str(home / "cache")})
    shown.expect_exact("run it here now? [Y/n] ")
    shown.sendline("")
    shown.expect("succeeded after")
    shown.expect(pexpect.EOF)
    shown.close()
    assert shown.exitstatus == ExitCode.OK
    again = screen.start("init", "--force")
    again.expect_exact("run it here now? [Y/n] ")
    again.sendline("n")
    again.expect_exact("next: cictl run --local")
    again.expect(pexpect.EOF)
    again.close()
