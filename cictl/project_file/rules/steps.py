"""The rules of one step."""

from collections.abc import Collection, Sequence

from cictl.project_file.definition import Step, Test
from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.conditions import check_condition
from cictl.project_file.rules.surroundings import (
    check_directory,
    check_environment,
    check_limit,
    check_placeholders,
    leaves_checkout,
    refuse_secrets,
)
from cictl.project_file.rules.vault import check_vault, undeclared
from cictl.project_file.source.structure import join_key
from cictl.project_file.templates import secret_names

TEST_FORMATS = ("go-test-json", "junit-xml", "junit")
COVERAGE_FORMATS = ("go-coverprofile", "lcov", "cobertura", "jacoco")


def check_step(step: Step, path: str, known: Collection[str], collector: Collector) -> None:
    """Check the step at *path*, whose condition may use the names in *known*."""
    if is_blank(step.run) == (step.test is None):
        collector.add(path, "must set exactly one of run or test")
    refuse_secrets(step.name, f"{path}.name", collector)
    refuse_secrets(step.run, f"{path}.run", collector)
    if step.test is not None:
        _check_test(step.test, f"{path}.test", collector)
    check_condition(step.condition, f"{path}.if", known, collector)
    check_limit(step.timeout_seconds, f"{path}.timeout_seconds", collector)
    check_directory(step.working_directory, f"{path}.working_directory", collector)
    check_environment(step.env, f"{path}.env", collector)
    if step.vault is not None:
        check_vault(step.vault, f"{path}.vault", collector)
    _check_env_secrets(step, path, collector)


def _check_test(test: Test, path: str, collector: Collector) -> None:
    if is_blank(test.command):
        collector.add(f"{path}.command", "is required")
    if not is_blank(test.format) and test.format.strip() not in TEST_FORMATS:
        collector.add(f"{path}.format", _unsupported(test.format, TEST_FORMATS))
    if is_blank(test.report_paths):
        collector.add(f"{path}.report", "is required")
    elif any(map(leaves_checkout, test.report_paths.splitlines())):
        collector.add(f"{path}.report", "must be a relative in-repo path")
    if leaves_checkout(test.coverage_report):
        collector.add(f"{path}.coverage_report", "must be a relative in-repo path")
    if not is_blank(test.coverage_format):
        if test.coverage_format.strip() not in COVERAGE_FORMATS:
            collector.add(f"{path}.coverage_format", _unsupported(test.coverage_format, COVERAGE_FORMATS))
        if is_blank(test.coverage_report):
            collector.add(f"{path}.coverage_report", "is required when coverage_format is set")
    for name in ("name", "command", "format", "coverage_format", "coverage_report"):
        refuse_secrets(getattr(test, name), f"{path}.{name}", collector)
    refuse_secrets(test.report_paths, f"{path}.report", collector)


def _unsupported(form: str, supported: Sequence[str]) -> str:
    return f"unsupported {quote(form)}; write one of {', '.join(supported)}"


def _check_env_secrets(step: Step, path: str, collector: Collector) -> None:
    """Check the secrets in `env`: those of a step with `vault` are declared there."""
    check_placeholders(step.env, f"{path}.env", collector)
    used = {key: names for key, value in step.env.items() if (names := secret_names(value))}
    if step.vault is None:
        return  # they are the server's own
    for key, names in used.items():
        for name in undeclared(names, step.vault):
            problem = f"references secret {quote(name)} which is not declared in vault.secrets"
            collector.add(join_key(f"{path}.env", key), problem)
