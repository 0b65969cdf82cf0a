"""What a step is called."""

from __future__ import annotations

import msgspec
import pytest

from cictl.base.job_parts import ArtifactSpec, CacheSpec, JobPart, ServiceSpec, When
from cictl.wire.codec import decode, encode
from cictl.wire.jobs import SKIPPED_STEP, TEST_STEP, JobSpec, Step


@pytest.mark.parametrize(
    ("step", "title"),
    [
        pytest.param(Step(name="step 2", script="\n  make test \n  make it"), "make test", id="its-command"),
        pytest.param(Step(name="announce", script="./announce"), "announce", id="its-own-name"),
        pytest.param(Step(name="test unit", test_name="unit", kind=TEST_STEP, script="t"), "unit", id="its-test"),
        pytest.param(Step(name="check", kind=TEST_STEP, script="t"), "check", id="a-test-without-a-name"),
        pytest.param(Step(name="Check", test_name="unit", kind=TEST_STEP), "Check", id="a-test-that-its-author-named"),
        pytest.param(Step(name="./push\n./tag", kind=SKIPPED_STEP), "./push", id="skipped"),
        pytest.param(Step(name="step 2"), "step 2", id="an-event-of-one"),
        pytest.param(Step(), "", id="nothing-known"),
    ],
)
def test_title(step: Step, title: str) -> None:
    assert step.title == title


def test_what_the_contract_does_not_know_is_omitted_unless_it_is_asked_for() -> None:
    assert msgspec.json.decode(encode(Step(index=1, script="x"))) == {"index": 1, "script": "x"}
    assert msgspec.json.decode(encode(JobSpec(script="x"))) == {"script": "x"}
    assert msgspec.json.decode(encode(CacheSpec(id="pip", env="PIP"))) == {"id": "pip", "env": "PIP"}


def test_the_condition_of_a_step_is_called_if() -> None:
    step = Step(index=1, condition="always()", timeout_seconds=60, working_directory="kettle", continue_on_error=True)
    sent = encode(step)
    assert msgspec.json.decode(sent)["if"] == "always()"
    assert decode(sent, Step) == step


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(CacheSpec(id="pip", path=".cache", key="k", fallback_keys=["main"]), id="cache"),
        pytest.param(
            ArtifactSpec(paths=["out/**"], name="o", keep_days=14, when=When.ALWAYS, required=True), id="artifact"
        ),
        pytest.param(ServiceSpec(image="postgres:16", name="db", env={"A": "b"}, ready="pg_isready"), id="service"),
    ],
)
def test_the_parts_of_a_job_survive_the_wire(part: JobPart) -> None:
    assert msgspec.json.decode(msgspec.json.encode(part), type=type(part)) == part
