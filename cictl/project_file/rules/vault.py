"""The rules of a vault block, the same for steps and for the automatic version bump."""

from cictl.project_file.findings import quote
from cictl.project_file.rules.report import Report, is_blank
from cictl.project_file.schema import SecretShape, VaultShape


def check_vault(vault: VaultShape, path: str, report: Report) -> None:
    """Check connection and secrets of the block at *path*; whether the connection exists is the server's question."""
    if is_blank(vault.connection):
        report.add(f"{path}.connection", "is required")
    seen: set[str] = set()
    for index, secret in enumerate(vault.secrets):
        _check_secret(secret, f"{path}.secrets[{index}]", seen, report)


def _check_secret(secret: SecretShape, path: str, seen: set[str], report: Report) -> None:
    if is_blank(secret.name) or is_blank(secret.path) or is_blank(secret.key):
        report.add(path, "requires name, path and key")
    if secret.kv_version not in (0, 1, 2):
        report.add(f"{path}.kv_version", "must be 1 or 2")
    name = secret.name.strip()
    if name and name in seen:
        report.say(f"{path}.name", f"{path} duplicate name {quote(secret.name)}")
    seen.add(name)


def undeclared(names: list[str], vault: VaultShape) -> list[str]:
    """List those of *names* that *vault* does not declare, in the same order."""
    declared = {secret.name.strip() for secret in vault.secrets}
    return [name for name in names if name not in declared]
