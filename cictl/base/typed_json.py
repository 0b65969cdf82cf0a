"""Types that msgspec decodes to, made ready before threads use them."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

_making = threading.Lock()
_ready: set[Any] = set()


def make_ready(type_: Any) -> None:
    """Let msgspec learn the fields of *type_*, in one thread at a time.

    It learns them at the first use. A second thread that uses the type meanwhile finds them half learnt, and the process ends by
    a segmentation fault (msgspec 0.22).
    """
    if type_ in _ready:
        return
    with _making:
        msgspec.json.Decoder(type_)
    _ready.add(type_)
