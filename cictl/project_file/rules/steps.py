"""The rules of one step."""

from collections.abc import Sequence

from cictl.project_file.definition import Step, Test
from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.vault import check_vault, undeclared
from cictl.project_file.structure import join_key
from cictl.project_file.templates import has_malformed_secret, secret_names

TEST_FORMATS = ("go-test-json", "junit-xml", "junit")
COVERAGE_FORMATS = ("go-coverprofile", "lcov", "cobertura", "jacoco")


def check_step(step: Step, path: str, collector: Collector) -> None:
    """Check the step at *path*."""
    if is_blank(step.run) == (step.test is None):
        collector.add(path, "must set exactly one of run or test")
    _refuse_secrets(step.run, f"{path}.run", collector)
    if step.test is not None:
        _check_test(step.test, f"{path}.test", collector)
    for name in step.env:
        if is_blank(name):
            collector.say_key(join_key(f"{path}.env", name), f"{path}.env key must not be empty")
        elif "=" in name or "\0" in name:
            where = join_key(f"{path}.env", name)
            collector.say_key(where, f"{where} is no name of a variable: it has a = or a NUL")
    if step.vault is not None:
        check_vault(step.vault, f"{path}.vault", collector)
    _check_env_secrets(step, path, collector)


def _check_test(test: Test, path: str, collector: Collector) -> None:
    if is_blank(test.command):
        collector.add(f"{path}.command", "is required")
    if not is_blank(test.format) and test.format.strip() not in TEST_FORMATS:
        collector.add(f"{path}.format", _unsupported(test.format, TEST_FORMATS))
    if is_blank(test.report):
        collector.add(f"{path}.report", "is required")
    elif _leaves_checkout(test.report):
        collector.add(f"{path}.report", "must be a relative in-repo path")
    if _leaves_checkout(test.coverage_report):
        collector.add(f"{path}.coverage_report", "must be a relative in-repo path")
    if not is_blank(test.coverage_format):
        if test.coverage_format.strip() not in COVERAGE_FORMATS:
            collector.add(f"{path}.coverage_format", _unsupported(test.coverage_format, COVERAGE_FORMATS))
        if is_blank(test.coverage_report):
            collector.add(f"{path}.coverage_report", "is required when coverage_format is set")
    for name in ("name", "command", "format", "report", "coverage_format", "coverage_report"):
        _refuse_secrets(getattr(test, name), f"{path}.{name}", collector)


def _unsupported(form: str, supported: Sequence[str]) -> str:
    return f"unsupported {quote(form)}; write one of {', '.join(supported)}"


def _leaves_checkout(path: str) -> bool:
    path = path.strip()
    return path.startswith(("/", "\\", "..")) or "../" in path or "..\\" in path


def _refuse_secrets(text: str, path: str, collector: Collector) -> None:
    for name in secret_names(text):
        collector.add(path, f"uses secret {quote(name)}, but secrets are resolved only in step env")


def _check_env_secrets(step: Step, path: str, collector: Collector) -> None:
    """Check the secrets in `env`. A mistake there would otherwise fail the job only when it is leased."""
    for key, value in step.env.items():
        if has_malformed_secret(value):
            collector.add(join_key(f"{path}.env", key), "has a malformed secret placeholder; write {{ secret.NAME }}")
    used = {key: names for key, value in step.env.items() if (names := secret_names(value))}
    if step.vault is None:
        return  # they are the server's own
    for key, names in used.items():
        for name in undeclared(names, step.vault):
            problem = f"references secret {quote(name)} which is not declared in vault.secrets"
            collector.add(join_key(f"{path}.env", key), problem)
