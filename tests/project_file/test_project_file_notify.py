"""`notify`: what is read and kept, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cictl import project_file
from cictl.project_file.definition import Notify, NotifyOn
from cictl.project_file.rules.notify import MOST_ENTRIES

FindMarks = Callable[[str], tuple[str, list[tuple[int, int]]]]

FILE = "version: 1\nproject: {{name: orchard}}\npipelines: [{{id: p, jobs: [{{id: j, steps: [{{run: x}}]}}]}}]\nnotify: {}\n"
HOOK = "webhook: 'https://chat.example.test', secret_env: CICTL_NOTIFY_CHAT"


def test_entries_are_kept(teapot: str) -> None:
    assert project_file.parse(teapot, config_file="f").notify == [
        Notify(
            on=[NotifyOn.BROKEN, NotifyOn.FIXED],
            webhook="https://chat.example.test/kitchen?room=tea",
            secret_env="CICTL_NOTIFY_CHAT",
            branches=["main", "release/**", "!release/old"],
            pipelines=["compile", "ship"],
        ),
        Notify(on=[NotifyOn.ALWAYS], command="bell"),
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param(f"§{{{HOOK}}}", "on is required: some of broken,fixed,still_failing,always", id="no-on"),
        pytest.param(f"{{on: [fixed, §failed], {HOOK}}}", "on[1] must be one of broken,fixed,still_failing,always", id="on"),
        pytest.param("§{on: [fixed]}", " needs either webhook or command", id="no-target"),
        pytest.param(f"§{{on: [fixed], {HOOK}, command: x}}", " needs either webhook or command, and not both", id="both"),
        pytest.param(
            "§{on: [fixed], webhook: 'https://a.test'}",
            "secret_env is required: the secret that signs the message, such as CICTL_NOTIFY_CHAT",
            id="no-secret",
        ),
        pytest.param(
            "{on: [fixed], webhook: 'https://a.test', secret_env: §HOME}",
            'secret_env "HOME" must be CICTL_NOTIFY_ and then A-Z, 0-9 or _',
            id="foreign-secret",
        ),
        pytest.param(
            "{on: [fixed], command: x, secret_env: §CICTL_NOTIFY_A}",
            "secret_env signs what is sent to a webhook, and a command gets no signature",
            id="secret-of-command",
        ),
        pytest.param(f"{{on: [fixed], {HOOK}, pipelines: [§q]}}", 'pipelines[0] references unknown pipeline "q"', id="pipeline"),
        pytest.param(f"{{on: [fixed], {HOOK}, branches: §['!a']}}", "branches only excludes, so nothing is left", id="branches"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(find_marks: FindMarks, entry: str, message: str) -> None:
    text, marks = find_marks(FILE.format(f"[{entry}]"))
    [finding] = project_file.lint(text, config_file="f")
    assert finding.message.removeprefix("notify[0].").removeprefix("notify[0]").startswith(message)
    assert [(finding.line, finding.column)] == marks


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://a.test", "must be a URL such as https://chat.example.com/hook"),
        ("chat.example.test", "must be a URL such as https://chat.example.com/hook"),
        ("https://u:p@a.test", "must have no user or password in it: whoever reads the file would know them"),
        ("https://a.test/ä", "must have at most 2000 printable ASCII characters, and no blanks"),
        ("https://a.test/" + "x" * 2000, "must have at most 2000 printable ASCII characters, and no blanks"),
        ("https://a.test/#x", "must have no fragment, which is never sent"),
    ],
)
def test_a_webhook_is_a_url_without_a_login(url: str, problem: str) -> None:
    [finding] = project_file.lint(
        FILE.format(f"[{{on: [fixed], webhook: '{url}', secret_env: CICTL_NOTIFY_A}}]"), config_file="f"
    )
    assert finding.message == f"notify[0].webhook {problem}"


def test_the_number_of_entries_is_bounded() -> None:
    entries = ", ".join(["{on: [fixed], command: x}"] * (MOST_ENTRIES + 1))
    [finding] = project_file.lint(FILE.format(f"[{entries}]"), config_file="f")
    assert finding.message == "notify has 21 entries; at most 20 are allowed"
