"""The rules of `notify`."""

import re

from cictl.base.names.plain_names import RULE, is_plain_name
from cictl.base.urls import split_http, user_info_of
from cictl.project_file.definition import NotifyOn
from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.graphs import check_references
from cictl.project_file.rules.triggers import check_patterns
from cictl.project_file.schema import FileShape, NotifyShape

MOST_ENTRIES = 20
SECRET_PREFIX = "CICTL_NOTIFY_"  # noqa: S105 - the beginning of names
"""So a project file can't name other variables of the server's environment."""

_SECRET = re.compile(SECRET_PREFIX + "[A-Z0-9_]{1,100}")
_LONGEST_URL = 2000


def check_notify(file: FileShape, collector: Collector) -> None:
    """Check whom the server is to tell of ends of runs."""
    if len(file.notify) > MOST_ENTRIES:
        collector.add("notify", f"has {len(file.notify)} entries; at most {MOST_ENTRIES} are allowed")
        return
    known = {pipeline.id.strip() for pipeline in file.pipelines} | {chain.id.strip() for chain in file.pipeline_chains}
    for index, entry in enumerate(file.notify):
        path = f"notify[{index}]"
        _check_on(entry.on, f"{path}.on", collector)
        _check_target(entry, path, collector)
        check_patterns(entry.branches, f"{path}.branches", collector)
        check_references(entry.pipelines, f"{path}.pipelines", collector, own="", known=known, noun="pipeline")


def _check_on(words: list[str], path: str, collector: Collector) -> None:
    if not words:
        collector.add(path, f"is required: some of {','.join(NotifyOn)}")
    for index, word in enumerate(words):
        if word.strip() not in [*NotifyOn]:
            collector.add(f"{path}[{index}]", f"must be one of {','.join(NotifyOn)}")


def _check_target(entry: NotifyShape, path: str, collector: Collector) -> None:
    webhook, command, secret = entry.webhook.strip(), entry.command.strip(), entry.secret_env.strip()
    if bool(webhook) == bool(command):
        collector.add(path, "needs either webhook or command" + (", and not both" if webhook else ""))
        return
    if command:
        if not is_plain_name(command):
            collector.add(f"{path}.command", RULE)
        if secret:
            collector.add(f"{path}.secret_env", "signs what is sent to a webhook, and a command gets no signature")
        return
    if problem := _url_problem(webhook):
        collector.add(f"{path}.webhook", problem)
    if is_blank(secret):
        collector.add(
            f"{path}.secret_env", f"is required: the secret that signs the message, such as {SECRET_PREFIX}CHAT"
        )
    elif not _SECRET.fullmatch(secret):
        collector.add(f"{path}.secret_env", f"{quote(secret)} must be {SECRET_PREFIX} and then A-Z, 0-9 or _")


def _url_problem(url: str) -> str:
    try:
        parts = split_http(url)
    except ValueError:
        return "must be a URL such as https://chat.example.com/hook"
    if user_info_of(url):
        return "must have no user or password in it: whoever reads the file would know them"
    if len(url) > _LONGEST_URL or not (url.isascii() and url.isprintable()) or " " in url:
        return f"must have at most {_LONGEST_URL} printable ASCII characters, and no blanks"
    return "must have no fragment, which is never sent" if parts.fragment else ""
