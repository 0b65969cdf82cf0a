"""What completion offers: the names that exist, the scripts, and where they are put."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cictl_testing.servers.answers import AnsweringServer, Reply, refusal
from cictl_testing.shop import Shop

from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.words import SHELLS, WORDS
from cictl.cli.completion import candidates
from cictl.cli.completion.generate import SCRIPTS
from cictl.cli.completion.tree import command_tree
from cictl.wire.agents import AgentList
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[3]


@pytest.fixture
def env(home: Path, showcase: Shop) -> dict[str, str]:
    """An environment in which the server may take its time."""
    return {**os.environ, "CICTL_SERVER_URL": showcase.url, "CICTL_COMPLETION_SECONDS": "60"}


@pytest.fixture
def scripted() -> Iterator[AnsweringServer]:
    server = AnsweringServer()
    server.start()
    yield server
    server.close()


def names(kind: str, begin: str, env: dict[str, str], *words: str) -> list[str]:
    return [name for name, _ in candidates.names_in_time(kind, ["cictl", *words, begin], env)]


def ask(*argv: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Ask as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "cictl", "__complete", *argv],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("kind", "begin", "found"),
    [
        pytest.param("agents", "", ["build-1", "build-2", "mac"], id="agents"),
        pytest.param("agents", "bu", ["build-1", "build-2"], id="beginning"),
        pytest.param("agents", "x", [], id="nothing begins so"),
        pytest.param("projects", "", ["shop"], id="projects"),
        pytest.param("pipelines", "", ["shop/build", "shop/deploy"], id="pipelines"),
        pytest.param("pipeline-names", "", ["build", "deploy"], id="names of pipelines"),
        pytest.param("chains", "", ["shop/release"], id="chains"),
        pytest.param("targets", "shop/", ["shop/build", "shop/deploy", "shop/release"], id="targets"),
        pytest.param("targets", "shop/build/", ["shop/build/compile", "shop/build/test"], id="jobs of a target"),
        pytest.param("targets", "shop/nothing/", [], id="jobs of nothing"),
        pytest.param("targets", "else/build/", [], id="jobs of another project"),
        pytest.param("pipeline-targets", "shop/", ["shop/build", "shop/deploy"], id="targets without chains"),
        pytest.param("jobs", "", ["job-2", "job-1"], id="jobs, the newest first"),
        pytest.param("runs", "", ["@last", "run-1"], id="runs, each once"),
    ],
)
def test_names(env: dict[str, str], kind: str, begin: str, found: list[str]) -> None:
    assert names(kind, begin, env) == found


def test_names_come_with_what_tells_them_apart(env: dict[str, str]) -> None:
    said = ask("jobs", "cictl", "job-1", env=env).stdout
    assert re.fullmatch(r"job-1\tsucceeded \d+d ago shop/build/compile\n", said)
    assert ask("agents", "cictl", "m", env=env).stdout == "mac\tlinux/amd64, deactivated\n"


def test_numbered_jobs_are_offered_by_their_short_ids(cli: Run, shop: Shop, env: dict[str, str]) -> None:
    cli("run", "shop/build")
    env = {**env, "CICTL_SERVER_URL": shop.url}
    assert names("jobs", "", env) == ["1/test/linux", "1/compile"]
    assert names("jobs", "job-", env) == ["job-3", "job-2"]
    assert names("runs", "", env) == ["@last", "1"]
    assert names("runs", "run-", env) == ["run-1"]


def test_names_that_no_terminal_can_show_are_left_out(showcase: Shop, env: dict[str, str]) -> None:
    mac = showcase.agent("mac")
    agents = [
        msgspec.structs.replace(mac, agent_id=i) for i in ("ok", "", "a\nb", "a\tb", "a\x1b[31m", "a\u202eb", "ü", "ü-")
    ]
    showcase.gate.answer("GET /api/v1/agents", AgentList(agents=agents))
    assert names("agents", "", env) == ["ok", "ü", "ü-"]


@pytest.mark.parametrize("begin", ["", "-", "--"])
def test_names_that_would_be_options_are_left_out(showcase: Shop, env: dict[str, str], begin: str) -> None:
    mac = showcase.agent("mac")
    agents = [msgspec.structs.replace(mac, agent_id=i) for i in ("--server=http://evil.test", "-y", "ok")]
    showcase.gate.answer("GET /api/v1/agents", AgentList(agents=agents))
    assert names("agents", begin, env) == (["ok"] if not begin else [])


@pytest.mark.parametrize(
    "option", [("--server", "{url}"), ("--server={url}",), ("--context", "here"), ("--context=here",)]
)
def test_the_server_of_the_line_is_asked(
    run: Run, showcase: Shop, env: dict[str, str], dead_url: str, option: tuple[str, ...]
) -> None:
    run("context", "set", "here", "--server", showcase.url)
    words = [word.format(url=showcase.url) for word in option]
    assert names("agents", "m", {**env, "CICTL_SERVER_URL": dead_url}, *words, "agents", "show") == ["mac"]


def test_contexts_need_no_server(run: Run, env: dict[str, str], dead_url: str) -> None:
    run("context", "set", "prod", "--server", dead_url)
    assert candidates.names_in_time("contexts", ["cictl", "--context", "p"], env) == [("prod", dead_url)]


def test_the_token_is_sent(showcase: Shop, env: dict[str, str]) -> None:
    names("agents", "", {**env, "CICTL_TOKEN": "tok-3f1a9"})
    assert showcase.gate.authorization == "Bearer tok-3f1a9"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"CICTL_SERVER_URL": "http://127.0.0.1:1"}, id="nobody there"),
        pytest.param({"CICTL_SERVER_URL": "nonsense"}, id="no URL"),
        pytest.param({"CICTL_CONTEXT": "nonsense", "CICTL_SERVER_URL": ""}, id="no such context"),
        pytest.param({"CICTL_TOKEN_FILE": "/nowhere"}, id="no token file"),
        pytest.param({"CICTL_COMPLETION_SECONDS": "soon"}, id="no number"),
    ],
)
def test_nothing_is_said_when_something_is_wrong(env: dict[str, str], change: dict[str, str]) -> None:
    done = ask("agents", "cictl", "agents", "show", "", env={**env, **change})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("argv", [(), ("agents",), ("nonsense", "cictl", "")])
def test_nothing_is_said_to_a_wrong_question(env: dict[str, str], argv: tuple[str, ...]) -> None:
    done = ask(*argv, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply((b"<html>",), kind="text/html"), id="no JSON"),
        pytest.param(Reply((b"[1]",)), id="a list"),
        pytest.param(Reply((b'{"agents": null}',)), id="null"),
        pytest.param(Reply((b'{"agents": [null, 1, {"agent_id": 7}]}',)), id="other types"),
        pytest.param(refusal(500, "broken"), id="refused"),
    ],
)
def test_nothing_is_said_to_a_strange_answer(scripted: AnsweringServer, env: dict[str, str], reply: Reply) -> None:
    scripted.on("GET /api/v1/agents", reply)
    done = ask("agents", "cictl", "", env={**env, "CICTL_SERVER_URL": scripted.url})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(scripted.seen) == 1


def test_a_server_that_does_not_answer_is_not_waited_for(scripted: AnsweringServer, env: dict[str, str]) -> None:
    scripted.on("GET /api/v1/agents", Reply((b"", lambda: scripted.stopping.wait(), b"")))
    slow = {**env, "CICTL_SERVER_URL": scripted.url, "CICTL_COMPLETION_SECONDS": ""}
    assert ask("agents", "cictl", "", env=slow).stdout == ""
    assert not scripted.stopping.is_set()


def test_a_closed_pipe_is_silent(env: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "cictl", "__complete", "agents", "cictl", ""]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_asking_loads_no_command(env: dict[str, str]) -> None:
    code = "import sys\nfrom cictl.cli.entry import main\nsys.argv = ['cictl', '__complete', 'agents', 'cictl', '']\nmain()\n"
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("build-1\t")
    assert not {"typer", "requests", "urllib3", "rich", "yaml", "cictl.cli.app.main"} & set(done.stderr.split())


def test_the_hidden_command_is_not_in_the_help(run: Run) -> None:
    assert "__complete" not in run("--help").out


def test_every_kind_in_the_commands_is_known() -> None:
    used = {parameter.kind for node in command_tree() for parameter in node.parameters if parameter.kind}
    assert used == {*WORDS, *candidates.KINDS}


def offered(line: str, env: dict[str, str]) -> list[str]:
    """Return what bash offers at the end of *line*."""
    code = f'. {ROOT}/completions/cictl.bash; COMP_LINE="$1"; COMP_POINT=${{#1}}; _cictl; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", code, "bash", line], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("cictl jo", ["jobs"], id="command"),
        pytest.param("cictl agents de", ["deactivate"], id="verb"),
        pytest.param("cictl -o json jobs l", ["list", "logs"], id="verb behind options"),
        pytest.param("cictl --context jobs agents de", ["deactivate"], id="the value of an option is no command"),
        pytest.param("cictl jobs list --sta", ["--status"], id="option"),
        pytest.param("cictl jobs list -o j", ["json"], id="value of -o"),
        pytest.param("cictl jobs list --output=j", ["json"], id="value behind ="),
        pytest.param("cictl jobs list --status s", ["succeeded"], id="value of --status"),
        pytest.param("cictl jobs list --limit ", [], id="value that nobody knows"),
        pytest.param("cictl api P", ["POST"], id="method"),
        pytest.param("cictl version x", [], id="nothing"),
    ],
)
def test_static_words(env: dict[str, str], line: str, words: list[str]) -> None:
    assert offered(line, env) == words


@pytest.mark.parametrize("shell", SHELLS)
def test_show_prints_the_checked_in_script(run: Run, shell: str) -> None:
    ran = run("completion", "show", shell)
    assert ran.out == (ROOT / "completions" / f"cictl.{SHELLS[shell]}").read_text(encoding="utf-8")


def test_every_script_has_a_shell() -> None:
    assert set(SHELLS.values()) == set(SCRIPTS)


@pytest.mark.parametrize(
    ("shell", "path"),
    [
        ("bash", ".local/share/bash-completion/completions/cictl"),
        ("zsh", ".local/share/zsh/site-functions/_cictl"),
        ("fish", "config/fish/completions/cictl.fish"),
        ("powershell", "config/powershell/cictl.ps1"),
    ],
)
def test_install_puts_it_where_the_shell_looks(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, shell: str, path: str
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    ran = run("completion", "install", shell)
    assert (ran.code, ran.out) == (0, "")
    assert f"installed: {home / path}" in ran.err
    assert (home / path).read_text(encoding="utf-8") == run("completion", "show", shell).out


def test_install_twice_says_already(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert run("completion", "install", "-o", "json").json()["changed"] is True
    assert run("completion", "install", "-o", "json").json()["changed"] is False
    (home / "zsh" / "site-functions" / "_cictl").write_text("old")
    ran = run("completion", "install")
    assert ran.err.startswith("installed: ")
    assert "fpath" in ran.err


def test_no_script_for_another_shell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/csh")
    ran = run("completion", "install")
    assert ran.code == ExitCode.USAGE
    assert "'csh'" in ran.err
    assert "one of bash, zsh, fish, powershell" in ran.err
