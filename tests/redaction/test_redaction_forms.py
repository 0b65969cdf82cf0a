"""The shapes of a secret that are masked."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import subprocess
from urllib.parse import quote, quote_plus

import pytest

from cictl.redaction import Redactor, forms_of, url_secrets

SECRET = "p\"s s/w+r'd?&<é"
KEY = "-----BEGIN KEY-----\n" + "\n".join(f"{number:03}MIIEowIBAAKCAQEA7bq" * 3 for number in range(6)) + "\nend\n"


@pytest.mark.weakness("A12.5e", "V12")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(base64.b64encode(SECRET.encode()).decode(), id="base64"),
        pytest.param(base64.b64encode(SECRET.encode()).decode().rstrip("="), id="base64-unpadded"),
        pytest.param(base64.b64encode(f"{SECRET}\n".encode()).decode(), id="base64-of-a-line"),
        pytest.param(base64.b64encode(f"user:{SECRET}".encode()).decode()[7:], id="base64-of-user-and-value"),
        pytest.param(base64.b64encode(f"me:{SECRET}".encode()).decode()[4:], id="base64-of-shorter-user-and-value"),
        pytest.param(base64.urlsafe_b64encode(SECRET.encode()).decode(), id="urlsafe-base64"),
        pytest.param(quote(SECRET, safe=""), id="url"),
        pytest.param(quote(SECRET), id="url-path"),
        pytest.param(quote_plus(SECRET), id="url-form"),
        pytest.param(quote(SECRET, safe="").replace("%2F", "%2f").replace("%C3%A9", "%c3%a9").lower(), id="url-lower"),
        pytest.param(json.dumps(SECRET)[1:-1], id="json"),
        pytest.param(json.dumps(SECRET, ensure_ascii=False)[1:-1], id="json-utf8"),
        pytest.param(json.dumps(SECRET)[1:-1].replace("/", "\\/"), id="json-php"),
        pytest.param(
            json.dumps(SECRET, ensure_ascii=False)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c"), id="json-go"
        ),
        pytest.param(shlex.quote(SECRET)[1:-1], id="shell-quoted"),
    ],
)
def test_common_encodings_are_masked(text: str) -> None:
    shown = Redactor([SECRET]).redact(f"<{text}>")
    assert "***" in shown
    assert not [start for start in range(len(text) - 4) if text[start : start + 5] in shown]


@pytest.mark.parametrize("command", ['set -x; : "$S"', "printf '%q' \"$S\"", "export S; export -p | grep ' S='"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_what_shells_make_of_a_secret_is_masked(shell: str, command: str) -> None:
    secret = 'it\'s "a" $secret`x'
    if shell == "sh":
        command = command.replace("printf '%q'", "printf '%s'")  # dash has no %q
    path = shutil.which(shell)
    assert path is not None
    ran = subprocess.run(
        [path, "-c", command], env={"S": secret, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    printed = ran.stdout + ran.stderr
    shown = Redactor([secret]).redact(printed)
    assert "***" in shown
    assert "secret" in printed
    assert "secret" not in shown


@pytest.mark.weakness("A12.5e")
def test_lines_of_a_multi_line_secret_are_masked_but_not_its_short_ones() -> None:
    redactor = Redactor(["-----BEGIN-----\nMIIEow\nend\n"])
    assert redactor.redact("x MIIEow x end x") == "x *** x end x"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("stored", ["one one\na\ntwo two\n", "one one\r\na\r\ntwo two\r\n"])
def test_a_multi_line_secret_is_masked_whole_with_either_end_of_line(stored: str, end: str) -> None:
    assert Redactor([stored]).redact(f"<one one{end}a{end}two two>") == "<***>"


@pytest.mark.parametrize("width", [64, 76])
def test_base64_of_a_long_secret_is_masked_in_lines(width: int) -> None:
    encoded = base64.b64encode(KEY.encode()).decode()
    lines = [encoded[start : start + width] for start in range(0, len(encoded), width)]
    shown = Redactor([KEY]).redact("\n".join(lines))
    assert [line for line in shown.splitlines() if len(line.replace("***", "")) > 4] == []


def test_the_longest_form_comes_first() -> None:
    lengths = [len(form) for form in forms_of([SECRET, KEY])]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        pytest.param("https://me:s3cret@host/r.git", ["me:s3cret@", "s3cret"], id="password"),
        pytest.param("https://ghp_token@host/r.git", ["ghp_token@", "ghp_token"], id="token-as-user"),
        pytest.param("https://me:s%2Fcret@host/r.git", ["me:s%2Fcret@", "s%2Fcret", "s/cret"], id="encoded"),
        pytest.param("https://host/r.git", [], id="none"),
        pytest.param("https://[host/r.git", [], id="no-url"),
        pytest.param("git@host:r.git", [], id="ssh"),
        pytest.param("/srv/r.git", [], id="path"),
    ],
)
def test_user_info_of_a_repository_is_secret(url: str, secrets: list[str]) -> None:
    assert url_secrets(url) == secrets
