"""An execution as two documents, which together are the record."""

from __future__ import annotations

import msgspec

from cictl_server.store.postgres import job_documents
from cictl_server.store.records.jobs import JobRecord


def encode_names(*types: type[msgspec.Struct]) -> list[str]:
    return sorted(field.encode_name for type_ in types for field in msgspec.structs.fields(type_))


def test_both_together_name_each_field_once_and_as_the_record_does() -> None:
    assert encode_names(job_documents.SpecDocument, job_documents.ProgressDocument) == encode_names(JobRecord)
