"""The methods of the Python client, each with its signature and what it does, for the client's page.

`python -m cictl.cli.reference.client docs/client.md` writes them between the two comments there; `make docs` does so.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cictl_client.client import Client

_BEGIN = "<!-- methods: generated from the code by `make docs` -->\n"
_END = "<!-- end of the methods -->\n"


def with_methods(page: str) -> str:
    """Return the *page* with what the methods are now.

    Raises:
        ValueError: One of the two comments is missing.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page has no {_BEGIN.strip()} with {_END.strip()} after it")
    return before + begin + "\n".join(_groups()) + end + after


def _groups() -> Iterator[str]:
    """Yield the lines: of each class of calls what it is about, and its own methods."""
    for group in (*Client.__bases__, Client):
        methods = [item for name, item in vars(group).items() if not name.startswith("_") and inspect.isfunction(item)]
        about = "What needs no noun." if group is Client else _first_line(group)
        yield f"\n**{about}**\n"
        yield from (f"- `{signature(method)}`<br>\n  {_first_line(method)}" for method in methods)
    yield "\n"


def signature(method: Callable[..., Any]) -> str:
    """Return a method's signature as its caller writes it: `get_job(job_id: str) -> JobExecution`."""
    declared = inspect.signature(method)
    words, only_by_name = [], False
    for parameter in list(declared.parameters.values())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and not only_by_name:
            words.append("*")
            only_by_name = True
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        words.append(f"{parameter.name}: {parameter.annotation}{default}")
    result = declared.return_annotation
    if hasattr(method, "__wrapped__"):  # a context manager is written as an iterator
        result = f"ContextManager{result.removeprefix('Iterator')}"
    return f"{method.__name__}({', '.join(words)}) -> {result}"


def _first_line(item: object) -> str:
    return (inspect.getdoc(item) or "").partition("\n")[0]


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_methods(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    sys.stdout.write(f"{path}\n")
