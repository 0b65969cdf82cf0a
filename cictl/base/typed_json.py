"""Types that msgspec decodes to, made ready before threads use them."""

from __future__ import annotations

import threading
from mmap import mmap
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

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


def read_json_as(body: bytes | mmap | str, type_: type[T]) -> T:
    """Return *body* as *type_*. The errors are those of `msgspec.json.decode`."""
    make_ready(type_)
    return msgspec.json.decode(body, type=type_)


def json_decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    """Return what decodes to *type_*."""
    make_ready(type_)
    return msgspec.json.Decoder(type_)
