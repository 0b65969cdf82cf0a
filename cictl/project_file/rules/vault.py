"""The rules of a vault block. Steps and the automatic version bump have the same."""

from cictl.base.job_parts import SecretRef
from cictl.project_file.definition import VaultUse
from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector, is_blank


def check_vault(vault: VaultUse, path: str, collector: Collector) -> None:
    """Check connection and secrets of the block at *path*. Only the server knows whether the connection exists."""
    if is_blank(vault.connection):
        collector.add(f"{path}.connection", "is required")
    seen: set[str] = set()
    for index, secret in enumerate(vault.secrets):
        _check_secret(secret, f"{path}.secrets[{index}]", seen, collector)


def _check_secret(secret: SecretRef, path: str, seen: set[str], collector: Collector) -> None:
    if is_blank(secret.name) or is_blank(secret.path) or is_blank(secret.key):
        collector.add(path, "requires name, path and key")
    if secret.kv_version not in (0, 1, 2):
        collector.add(f"{path}.kv_version", "must be 1 or 2")
    name = secret.name.strip()
    if name and name in seen:
        collector.say(f"{path}.name", f"{path} duplicate name {quote(secret.name)}")
    seen.add(name)


def undeclared(names: list[str], vault: VaultUse) -> list[str]:
    """Return the *names* that *vault* does not declare, in their order."""
    declared = {secret.name.strip() for secret in vault.secrets}
    return [name for name in names if name not in declared]
