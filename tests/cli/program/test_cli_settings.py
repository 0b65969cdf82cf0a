"""Settings: flag, environment, context, default."""

from __future__ import annotations

from pathlib import Path

import pytest

from cictl.cli.app.contexts import SettingsError, read_contexts
from cictl.cli.app.settings import load_settings
from cictl.wire.words import DEFAULT_SERVER
from tests.cli.conftest import Run


def write_config(home: Path, text: str) -> dict[str, str]:
    """Write a context file and return the environment that finds it."""
    path = home / "cictl" / "config.yaml"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    return {"XDG_CONFIG_HOME": str(home)}


CONFIG = """
current: prod
contexts:
  prod: {server: "https://ci.example.com/", token: s3cret}
  test: {server: "http://test.example.com:8112"}
"""


def test_default_without_anything(tmp_path: Path) -> None:
    settings = load_settings({"XDG_CONFIG_HOME": str(tmp_path)})
    assert (settings.server, settings.source, settings.token) == (DEFAULT_SERVER, "default", None)


@pytest.mark.parametrize(
    ("flags", "env", "server"),
    [
        pytest.param({}, {}, "https://ci.example.com", id="current context"),
        pytest.param({}, {"CICTL_CONTEXT": "test"}, "http://test.example.com:8112", id="CICTL_CONTEXT"),
        pytest.param({}, {"CIWI_SERVER_URL": "http://b"}, "http://b", id="CIWI_SERVER_URL"),
        pytest.param({}, {"CICTL_SERVER_URL": "http://a", "CIWI_SERVER_URL": "http://b"}, "http://a", id="ours first"),
        pytest.param(
            {"context": "test"}, {"CICTL_SERVER_URL": "http://a"}, "http://test.example.com:8112", id="--context"
        ),
        pytest.param({"server": "http://f/"}, {"CICTL_SERVER_URL": "http://a"}, "http://f", id="--server"),
        pytest.param({"server": "http://f", "context": "test"}, {}, "http://f", id="--server over --context"),
    ],
)
def test_precedence(tmp_path: Path, flags: dict[str, str], env: dict[str, str], server: str) -> None:
    assert load_settings({**write_config(tmp_path, CONFIG), **env}, **flags).server == server


@pytest.mark.parametrize(
    ("flags", "env", "token"),
    [
        pytest.param({}, {}, "s3cret", id="of the context"),
        pytest.param({"server": "http://elsewhere"}, {}, None, id="not to another server"),
        pytest.param(
            {}, {"CICTL_SERVER_URL": "http://elsewhere"}, None, id="not to another server from the environment"
        ),
        pytest.param({"server": "http://elsewhere"}, {"CICTL_TOKEN": "t"}, "t", id="CICTL_TOKEN goes anywhere"),
    ],
)
def test_token_goes_where_it_belongs(
    tmp_path: Path, flags: dict[str, str], env: dict[str, str], token: str | None
) -> None:
    assert load_settings({**write_config(tmp_path, CONFIG), **env}, **flags).token == token


@pytest.mark.parametrize(
    ("flags", "more", "found"),
    [
        pytest.param({}, {}, ("j", "CICTL_JOB_TOKEN"), id="to the server of the job"),
        pytest.param({"server": "http://job:1/"}, {}, ("j", "CICTL_JOB_TOKEN"), id="also if a flag names it"),
        pytest.param({"server": "http://elsewhere"}, {}, (None, ""), id="to no other server"),
        pytest.param({"context": "test"}, {}, (None, ""), id="nor that of a context"),
        pytest.param({}, {"CICTL_TOKEN": "t"}, ("t", "CICTL_TOKEN"), id="CICTL_TOKEN wins"),
        pytest.param(
            {}, {"CICTL_SERVER_URL": "https://ci.example.com/"}, ("s3cret", "context prod"), id="so does a context"
        ),
        pytest.param({}, {"CICTL_JOB_TOKEN": ""}, (None, ""), id="an empty one is none"),
    ],
)
def test_the_token_of_the_job_is_taken_for_lack_of_another(
    tmp_path: Path, flags: dict[str, str], more: dict[str, str], found: tuple[str | None, str]
) -> None:
    env = {"CICTL_SERVER_URL": "http://job:1", "CICTL_JOB_TOKEN": "j", **more}
    settings = load_settings({**write_config(tmp_path, CONFIG), **env}, **flags)
    assert (settings.token, settings.token_source) == found


def test_token_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path), "CICTL_TOKEN_FILE": str(tmp_path / "token")}
    assert load_settings(env).token == "from-file"


def test_token_never_shows_in_repr(tmp_path: Path) -> None:
    assert "s3cret" not in repr(load_settings(write_config(tmp_path, CONFIG)))


def test_readable_token_is_warned_about(tmp_path: Path) -> None:
    env = write_config(tmp_path, CONFIG)
    (tmp_path / "cictl" / "config.yaml").chmod(0o644)
    assert "chmod 600" in load_settings(env).warnings[0]


@pytest.mark.parametrize(
    ("flags", "config", "message"),
    [
        pytest.param({"server": "ci.example.com:8112"}, CONFIG, "not a server URL", id="no scheme"),
        pytest.param({"server": "http://:8112"}, CONFIG, "not a server URL", id="no host"),
        pytest.param({"server": "http://a:port"}, CONFIG, "not a server URL", id="no port number"),
        pytest.param({"context": "pord"}, CONFIG, "no context 'pord'", id="unknown context"),
        pytest.param({}, "contexts: [", "cannot use", id="not YAML"),
        pytest.param({}, "contexts: []", "expected a mapping", id="not a mapping"),
        pytest.param({}, "contexts: {a: {sever: x}}", "unknown keys: sever", id="misspelt key"),
        pytest.param({}, "contexts: {a: {}}", "has no server", id="no server"),
        pytest.param({}, "contexts: {a: {server: 'http://a', protected: 2}}", "true or false", id="not a boolean"),
        pytest.param({}, "contexts: {a: {server: 'http://a', name: b}}", "unknown keys: name", id="name inside"),
    ],
)
def test_unusable_settings_say_why(tmp_path: Path, flags: dict[str, str], config: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(write_config(tmp_path, config), **flags)


def test_user_info_is_not_shown(tmp_path: Path) -> None:
    settings = load_settings({"XDG_CONFIG_HOME": str(tmp_path)}, server="http://me:pw@ci.example.com/x")
    assert settings.shown_server == "http://ci.example.com/x"


def test_missing_token_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CICTL_TOKEN_FILE"):
        load_settings({"XDG_CONFIG_HOME": str(tmp_path), "CICTL_TOKEN_FILE": str(tmp_path / "none")})


def test_settings_of_a_context_are_texts(run: Run, tmp_path: Path) -> None:
    """YAML 1.1 takes `0123` for a number, and `on` for a truth value."""
    file = tmp_path / "config" / "cictl" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("current: on\ncontexts:\n  on: {server: 'http://127.0.0.1:1', token: 0123, protected: true}\n")
    [found] = read_contexts({"XDG_CONFIG_HOME": str(tmp_path / "config")}).contexts.values()
    assert (found.name, found.token, found.protected) == ("on", "0123", True)
    assert run("context", "list", "-o", "name").out == "on\n"
