"""Encode and decode the messages of the API. No other module turns them into JSON or back."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping
from functools import cache
from mmap import mmap
from typing import Any, TypeVar, dataclass_transform, get_args

import msgspec

from cictl.base.typed_json import make_ready, read_json_as

T = TypeVar("T")

_INT_LIMIT = 2**63
_PARTED = frozenset({dict, list})
_QUOTED = 20

LENIENT_BYTES = 16 << 10
"""Requests up to this length are read leniently. To read longer ones so would take seconds, and 60 times their size."""

MOST_ITEMS = 300_000
"""How many items a request may hold: tests, files of a coverage, artifacts and the like, all together."""

MOST_ENTRIES = 4096
"""How many entries each map of a long request may hold, and each list of texts."""

_counting = threading.local()


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class _MessageMeta(msgspec.StructMeta):
    """Makes every message keyword-only, which msgspec does not inherit, and tells type checkers that messages are frozen."""

    def __new__(mcls, *args: Any, **options: Any) -> Any:
        return super().__new__(mcls, *args, **{"kw_only": True, **options})


class Message(msgspec.Struct, metaclass=_MessageMeta, frozen=True, omit_defaults=True):
    """One JSON object of the API. Fields with a default are omitted while they hold it."""


class Item(Message):
    """A message of which another one holds a list. They are counted while a request is decoded, so that it ends early."""

    def __post_init__(self) -> None:
        left: int | None = getattr(_counting, "left", None)
        if left is None:
            return
        if left == 0:
            raise ValueError(f"more than {MOST_ITEMS} items")
        _counting.left = left - 1


class DecodeError(ValueError):
    """The bytes are not JSON, or do not have the expected shape. The text names the field."""


def encode(message: object) -> bytes:
    """Return *message* as one compact line of JSON with its newline, UTF-8."""
    return msgspec.json.encode(message) + b"\n"


def decode(body: bytes, type_: type[T]) -> T:
    """Read the first JSON value in *body* as *type_*, as leniently as the contract demands.

    Unknown keys and any text after the first value are ignored. Keys match in any case; an exact match wins. A field
    that is null counts as absent. A body or a list item that is null counts as ``{}``.

    Raises:
        DecodeError: The body is empty or no JSON, a known field has a wrong type, or a whole number does not fit into
            64 bits: no agent of the reference could read it.
    """
    # msgspec refuses what the contract allows: text after the first value, and half a surrogate pair. Few bodies have
    # that, so the slow decoder of the standard library gets only those that msgspec refused.
    try:
        value = msgspec.json.decode(body)
    except RecursionError as error:
        raise DecodeError("nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = _first_value(body)
    try:
        make_ready(type_)
        return msgspec.convert(_fit({} if value is None else value, type_), type_)
    except msgspec.ValidationError as error:
        raise DecodeError(str(error)) from error


def decode_request(body: bytes | mmap, type_: type[T]) -> T:
    """Read *body*, which anybody may have sent, as *type_*: like `decode` if it is short, else exactly as `encode` writes it.

    A long body takes time and memory for the keys of *type_* alone; everything else in it is skipped.

    Raises:
        DecodeError: As `decode` does. Also: a long body has null, half a surrogate pair, text after its value, or too many
            items or entries.
    """
    if len(body) <= LENIENT_BYTES:
        return decode(bytes(body), type_)
    _counting.left = MOST_ITEMS
    try:
        message = read_json_as(body, type_)
    except RecursionError as error:
        raise DecodeError("nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DecodeError(str(error)) from error
    finally:
        _counting.left = None
    _check_entries(message)
    return message


def _check_entries(message: object) -> None:
    for name in getattr(message, "__struct_fields__", ()):
        value = getattr(message, name)
        is_bounded = isinstance(value, dict) or (isinstance(value, list) and isinstance(next(iter(value), None), str))
        if is_bounded and len(value) > MOST_ENTRIES:
            raise DecodeError(f"{name} has more than {MOST_ENTRIES} entries")


def _first_value(body: bytes) -> Any:
    try:
        text = body.decode().lstrip(" \t\r\n")
        value, _ = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).raw_decode(text)
        return json.loads(_whole_characters(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:_QUOTED]} is out of range")
    return number


def _whole_characters(text: str) -> str:
    """Put U+FFFD for an escape that is half a surrogate pair, as the reference does. Such a text could not be encoded."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _fit(value: Any, type_: Any) -> Any:
    """Return *value* as msgspec can convert it to *type_*: without nulls for absent fields, and with the fields' own case."""
    if isinstance(value, dict):
        struct = _struct_of(type_)
        return _fit_object(value, struct) if struct else _fit_mapping(value, type_)
    if isinstance(value, list) and (inner := _items_of(type_)):
        return [_fit({} if v is None else v, inner) for v in value]
    return value


def _fit_object(value: dict[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    fields, folded = _field_types(struct)
    fitted: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in fields else folded.get(key.casefold())
        if name is None or (name != key and name in value):
            continue
        if type(item) is int and not -_INT_LIMIT <= item < _INT_LIMIT:
            raise DecodeError(f"{name} must be at most {_INT_LIMIT - 1}")
        if item is None:
            if type(None) in get_args(fields[name]):
                fitted[name] = None
        else:
            fitted[name] = _fit(item, fields[name]) if type(item) in _PARTED else item
    return fitted


@cache
def _field_types(struct: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the types of the struct's keys, and the keys by their folded case."""
    types = {f.encode_name: f.type for f in msgspec.structs.fields(struct)}
    return types, {name.casefold(): name for name in types}


def _fit_mapping(value: dict[str, Any], type_: Any) -> dict[str, Any]:
    """Turn a null in a map of texts into an empty text, as the reference's decoder does."""
    if None in value.values() and any(_is_mapping(a) for a in _flatten(type_)):
        return {k: "" if v is None else v for k, v in value.items()}
    return value


@cache
def _items_of(type_: Any) -> Any:
    """Return the struct of which *type_* is a list; None if it is a list of others, or none."""
    item = next((a for a in _flatten(type_) if get_args(a) and not _is_mapping(a)), None)
    inner = get_args(item)[0] if item else None
    return inner if inner and _struct_of(inner) else None


@cache
def _struct_of(type_: Any) -> type[msgspec.Struct] | None:
    for option in _flatten(type_):
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            return option
    return None


def _flatten(type_: Any) -> tuple[Any, ...]:
    args = get_args(type_)
    if args and type(None) in args:
        return tuple(a for a in args if a is not type(None))
    return (type_,)


def _is_mapping(type_: Any) -> bool:
    origin = getattr(type_, "__origin__", None)
    return isinstance(origin, type) and issubclass(origin, Mapping)
