"""A job's metadata is typed, and its keys are spelled in one file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import cictl
import cictl_agent
import cictl_client
import cictl_server
from cictl.wire.jobs import JobExecution, JobSpec
from cictl.wire.metadata import JobMetadata

SHARED_WORDS = {"project", "project_id", "pipeline_id", "build_target", "dry_run"}
"""Keys that are also names of other things: of a route's parts, of fields, of a matrix variable."""

TREES = [
    pytest.param(Path(package.__file__ or "").parent, id=package.__name__)
    for package in (cictl, cictl_agent, cictl_client, cictl_server)
]


def nodes(tree: Path) -> Iterator[tuple[Path, ast.AST]]:
    """Yield every piece of the tree's sources, and the file that it stands in."""
    for path in sorted(tree.rglob("*.py")):
        if path.parts[-2:] != ("wire", "metadata.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield path, node


def looks_into_texts(node: ast.AST) -> bool:
    """Tell whether it is `metadata["…"]` or `metadata.get(…)`."""
    if not (isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr == "get")):
        return False
    return isinstance(node.value, ast.Attribute) and node.value.attr == "metadata"


@pytest.mark.parametrize("tree", TREES)
def test_no_other_source_spells_a_key_or_looks_into_the_texts(tree: Path) -> None:
    keys = JobMetadata.keys().keys() - SHARED_WORDS
    assert not [
        (path, ast.unparse(node))
        for path, node in nodes(tree)
        if (isinstance(node, ast.Constant) and node.value in keys) or looks_into_texts(node)
    ]


def test_absent_keys_read_as_nothing() -> None:
    facts = JobMetadata({})
    assert (facts.pipeline_run_id, facts.dry_run, facts.needs_job_ids) == ("", False, [])


def test_what_is_written_is_read() -> None:
    entries = JobMetadata.entries(
        JobMetadata.pipeline_run_id("run-1"), JobMetadata.dry_run(True), JobMetadata.needs_job_ids(["lint", "test"])
    )
    assert entries == {"pipeline_run_id": "run-1", "dry_run": "1", "needs_job_ids": "lint,test"}
    facts = JobMetadata(entries)
    assert (facts.pipeline_run_id, facts.dry_run, facts.needs_job_ids) == ("run-1", True, ["lint", "test"])


def test_entries_that_say_nothing_are_left_out() -> None:
    assert JobMetadata.entries(JobMetadata.matrix_name(""), JobMetadata.dry_run(False)) == {}


def test_only_1_is_true() -> None:
    assert not JobMetadata({"needs_blocked": "0"}).needs_blocked


def test_a_key_is_taken_away() -> None:
    texts = {"chain_blocked": "1", "project": "shop"}
    assert JobMetadata.without(texts, JobMetadata.chain_blocked) == {"project": "shop"}


def test_an_execution_has_every_field_of_its_spec() -> None:
    spec = {field.name: field.type for field in msgspec.structs.fields(JobSpec)}
    shown = {field.name: field.type for field in msgspec.structs.fields(JobExecution)}
    spec.pop("required_capabilities")  # null where there are none
    assert spec.items() <= shown.items()
