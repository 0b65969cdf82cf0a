"""An execution as two documents: what it is to do, which is written once, and its progress, which changes often."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from cictl.base.typed_json import json_decoder
from cictl.wire.jobs import JobSpec
from cictl_server.store.records.jobs import JobRecord

_OF_SPEC = frozenset(JobSpec.__struct_fields__)


def _part(name: str, fields: list[msgspec.structs.FieldInfo]) -> type[msgspec.Struct]:
    """Return a type with some of the fields of a record; it encodes them as the record does."""
    return msgspec.defstruct(
        name,
        [_definition(field) for field in fields],
        kw_only=True,
        omit_defaults=True,
        rename={field.name: field.encode_name for field in fields},
    )


def _definition(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return field.name, field.type
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, field.type, msgspec.field(default_factory=field.default_factory)
    return field.name, field.type, field.default


_FIELDS = msgspec.structs.fields(JobRecord)
SpecDocument = _part("SpecDocument", [field for field in _FIELDS if field.name in _OF_SPEC])
ProgressDocument = _part("ProgressDocument", [field for field in _FIELDS if field.name not in _OF_SPEC])
_decoder = json_decoder(JobRecord)


class JobDocuments(NamedTuple):
    """Both documents of one execution, as JSON."""

    spec: bytes
    progress: bytes

    @classmethod
    def of(cls, record: JobRecord) -> JobDocuments:
        return cls(_encode(SpecDocument, record), _encode(ProgressDocument, record))

    def record(self) -> JobRecord:
        """Return the record; each call decodes anew."""
        # Neither is ever `{}`: script and number have no default.
        return _decoder.decode(self.progress[:-1] + b"," + self.spec[1:])


def _encode(type_: type[msgspec.Struct], record: JobRecord) -> bytes:
    return msgspec.json.encode(type_(**{name: getattr(record, name) for name in type_.__struct_fields__}))
