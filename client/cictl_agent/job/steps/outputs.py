"""The outputs of a job: texts that jobs after it can use. They are files of the checkout, or lines of `$CICTL_OUTPUT`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cictl.base.text.sizes import size_text
from cictl.wire.jobs import LONGEST_OUTPUT, MOST_OUTPUT_BYTES
from cictl_agent.job.failures import JobFailed
from cictl_agent.system.beneath import open_beneath

_MOST_READ = 1 << 20
"""How much of a file is read; blanks around the text may make it larger than an output may be."""


def collect_outputs(declared: Mapping[str, str], written: Mapping[str, str], checkout: Path) -> dict[str, str]:
    """Return the outputs of a job whose steps have succeeded, each without the blanks around it.

    Args:
        declared: The path of a file below *checkout* by the name of its output; empty for one that a step writes.
        written: What the steps wrote.

    Raises:
        JobFailed: One is missing, can't be read, or is too long. The text names it.
    """
    outputs: dict[str, str] = {}
    for name, path in declared.items():
        try:
            text = (_read(checkout, path) if path else _written(name, written)).strip()
        except OSError as error:
            raise JobFailed(f"output {name} from file {path!r}: {error.strerror}") from error
        except ValueError as error:
            raise JobFailed(f"output {name}: {error}") from error
        if (size := len(text.encode())) > LONGEST_OUTPUT:
            raise JobFailed(f"output {name} has {size} bytes, and an output has {size_text(LONGEST_OUTPUT)} at most")
        outputs[name] = text
    if sum(len(text.encode()) for text in outputs.values()) > MOST_OUTPUT_BYTES:
        raise JobFailed(f"the outputs have more than {size_text(MOST_OUTPUT_BYTES)} together")
    return outputs


def _written(name: str, written: Mapping[str, str]) -> str:
    if name not in written:
        raise ValueError(f'no step has written it; a step writes it by echo "{name}=…" >> "$CICTL_OUTPUT"')
    return written[name]


def _read(checkout: Path, path: str) -> str:
    with os.fdopen(open_beneath(checkout, path), "rb") as file:
        try:
            return file.read(_MOST_READ).decode()
        except UnicodeDecodeError:
            raise ValueError(f"the file {path!r} is not UTF-8") from None
