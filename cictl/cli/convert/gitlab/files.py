"""Files that a job keeps: caches, artifacts and reports."""

from __future__ import annotations

import re

from cictl.cli.convert.gitlab.texts import in_text
from cictl.cli.convert.names import pattern_of
from cictl.cli.convert.output import Block
from cictl.cli.convert.source import Mapping, Sequence, mapping, texts
from cictl.cli.convert.tally import Tally

_DURATION = re.compile(r"(\d+)\s*(w|d|h|m|s)")
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


def caches(tally: Tally, block: Block, job: Mapping) -> list[Block]:
    given = job.get("cache", "")
    made: list[Block] = []
    for cache in given if isinstance(given, Sequence) else [given] if isinstance(given, Mapping) else []:
        values = mapping(cache)
        key = values.get("key", "")
        if isinstance(key, Mapping) and key.get("files"):
            names = ", ".join(f"'{name}'" for name in texts(key["files"]))
            prefix = f"{key['prefix']}-" if key.get("prefix") else ""
            text = f"{prefix}{{{{hash_files({names})}}}}"
        else:
            text = in_text(tally, block, str(key or "default"), values.line)
        for path in texts(values.get("paths", "")):
            number = len(made) + 1
            id_ = "cache" if number == 1 else f"cache-{number}"
            made.append(Block(id=id_, path=path.rstrip("/*"), key=text))
            tally.said += 1
        if values.get("policy") in ("pull", "push"):
            tally.needless += 1
    return made


def put_artifacts(tally: Tally, block: Block, job: Mapping) -> None:
    given = mapping(job.get("artifacts", ""))
    if not given:
        return
    paths = [pattern_of(path) for path in texts(given.get("paths", ""))]
    paths += [f"!{pattern_of(path)}" for path in texts(given.get("exclude", ""))]
    if paths:
        item = Block(paths=paths)
        if given.get("name"):
            item.put("name", in_text(tally, block, str(given["name"]), given.lines["name"]))
        days = seconds(str(given.get("expire_in", ""))) // 86400
        if days:
            item.put("keep_days", days)
        when = {"on_failure": "failure", "always": "always"}.get(str(given.get("when", "")), "")
        item.put("when", when)
        block.put("artifacts", [item])
        tally.said += 1
    reports = mapping(given.get("reports", ""))
    for kind in reports.keys() - {"junit"}:
        why = {
            "coverage_report": "`coverage_report` of a `test` reads it",
            "dotenv": "write the variables to $CICTL_OUTPUT and name them in `outputs`",
        }.get(kind, "the forge's own reports have no equal; keep the file as an artifact")
        block.note(tally.leave(reports.lines[kind], f"reports.{kind}", why))


def seconds(text: str) -> int:
    """Return how long a time such as `1h 30m` or `2 weeks` is; a number alone is seconds."""
    if text.strip().isdecimal():
        return int(text)
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text.lower()))
