"""The secrets of an execution: read when it is leased, put into its step environments, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from cictl.base.job_parts import SecretRef
from cictl.project_file import replace_secrets, secret_names
from cictl.project_file.findings import quote
from cictl.redaction import url_secrets
from cictl.wire.jobs import Step
from cictl_server.services.secrets.tokens import literal_token
from cictl_server.services.secrets.vault.connections import find_by_name
from cictl_server.services.secrets.vault.errors import VaultProblem, VaultRefused, VaultUnavailable
from cictl_server.services.secrets.vault.outages import Outage, Outages
from cictl_server.services.secrets.vault.reading import VaultAccess, VaultReader, within
from cictl_server.services.secrets.vault.tokens import TokenCache
from cictl_server.store.contract import Store, View
from cictl_server.store.records import JobRecord, VaultConnectionRecord

LEASE_SECONDS = 4.0
"""How long a lease may take over its secrets: an agent of the reference gives the request up after 5 seconds."""

PREFIX = "secret resolution failed before execution: "


class SecretsRefused(Exception):
    """The secrets can't be had; the text is the execution's error."""


@dataclass(kw_only=True)
class SecretsDelayed(Exception):
    """They can't be had now.

    Attributes:
        text: Why.
        until: The Vault is not to be asked before this moment; None when only this execution was too slow.
    """

    text: str
    until: datetime | None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class ResolvedSteps:
    """What only the agent gets.

    Attributes:
        step_plan: With the values in the place of their placeholders.
        values: The distinct values to mask, as they came.
    """

    step_plan: list[Step] = field(repr=False)
    values: list[str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class _Need:
    """One secret of one step, and where it comes from."""

    number: int
    name: str
    connection: VaultConnectionRecord
    secret: SecretRef


@dataclass(frozen=True, kw_only=True)
class SecretService:
    store: Store
    access: VaultAccess
    tokens: TokenCache
    outages: Outages

    def find_outage(self, job: JobRecord, view: View) -> Outage | None:
        """Return the outage for which *job* had to wait; costs nothing when no Vault is out."""
        if not self.outages.any or not needs_secrets(job):
            return None
        for name in dict.fromkeys(step.vault_connection.strip() for step, _ in _using(job)):
            connection = find_by_name(view, name)
            if connection is not None and (outage := self.outages.find(connection)):
                return outage
        return None

    def resolve(self, job: JobRecord) -> ResolvedSteps:
        """Read the secrets of *job*, each place once, within `LEASE_SECONDS`.

        Must not be called in a transaction: it waits for the network.

        Raises:
            SecretsRefused: They can't be had.
            SecretsDelayed: They can't be had now.
        """
        try:
            with self.store.read() as view:
                needs = list(_needs(job, view))
        except VaultRefused as error:
            raise SecretsRefused(f"{PREFIX}{error}") from error
        reader = VaultReader(self.access, self.tokens, seconds=LEASE_SECONDS)
        try:
            values = within(LEASE_SECONDS, lambda: _read_all(reader, needs))
        except VaultUnavailable as error:
            raise self._delay(reader, error) from error
        except VaultProblem as error:
            self._note_answers([reader.waits_for])
            raise SecretsRefused(f"{PREFIX}{error}") from error
        self._note_answers(need.connection for need in needs)
        return _resolved(job, values)

    def _note_answers(self, connections: Iterable[VaultConnectionRecord | None]) -> None:
        for connection in connections:
            if connection is not None:
                self.outages.end(connection)

    def _delay(self, reader: VaultReader, error: VaultUnavailable) -> SecretsDelayed:
        """Note the outage, unless the Vault has answered before: then this execution asks for too much at once."""
        connection = reader.waits_for
        if connection is None or reader.got_answer:
            return SecretsDelayed(text=str(error), until=None)
        cause = f"vault connection {quote(connection.name)}: {error.__cause__ or error}"
        return SecretsDelayed(text=str(error), until=self.outages.begin(connection, cause).until)


def needs_secrets(job: JobRecord) -> bool:
    """Whether anything in the environments of *job* is a placeholder; steps that a dry run skips need none."""
    return any(True for _ in _using(job)) or _has_any(job.env)


def recorded_secrets(job: JobRecord) -> list[str]:
    """Return what must not show although the record itself holds it: credentials in the repository's address, a token."""
    return [*url_secrets(job.source.repo if job.source else ""), *recorded_tokens(job)]


def recorded_tokens(job: JobRecord) -> list[str]:
    """Return of that what an agent does not find by itself."""
    token = literal_token(job.step_plan)
    return [token] if token else []


def _has_any(env: Mapping[str, str]) -> bool:
    return any("{{" in value and secret_names(value) for value in env.values())


def _using(job: JobRecord) -> Iterable[tuple[Step, int]]:
    """Yield the steps with placeholders, with their number from 1 over the plan."""
    for number, step in enumerate(job.step_plan, start=1):
        if not step.is_skipped and _has_any(step.env):
            yield step, number


def _needs(job: JobRecord, view: View) -> Iterable[_Need]:
    """Yield what must be read.

    Raises:
        VaultRefused: A step asks for something that is not configured.
    """
    if _has_any(job.env):
        raise VaultRefused("secret placeholders are only supported in step env")
    for step, number in _using(job):
        name = step.vault_connection.strip()
        if not name:
            raise VaultRefused(f"step {number} uses secret placeholders but has no vault.connection")
        connection = find_by_name(view, name)
        if connection is None:
            raise VaultRefused(f"resolve vault connection {quote(name)}: vault connection not found")
        declared = {secret.name.strip(): secret for secret in step.vault_secrets}
        for wanted in dict.fromkeys(name for value in step.env.values() for name in secret_names(value)):
            if wanted not in declared:
                raise VaultRefused(f"step {number} secret {quote(wanted)} is not configured in step vault.secrets")
            yield _Need(number=number, name=wanted, connection=connection, secret=declared[wanted])


def _read_all(reader: VaultReader, needs: Iterable[_Need]) -> dict[tuple[int, str], str]:
    """Return the values by number of the step and name."""
    values: dict[tuple[int, str], str] = {}
    with reader:
        for need in needs:
            try:
                values[need.number, need.name] = reader.value(need.connection, need.secret)
            except VaultProblem as error:
                text = f"resolve step {need.number} secret {quote(need.name)}: {error}"
                raise type(error)(text) from error
    return values


def _resolved(job: JobRecord, values: Mapping[tuple[int, str], str]) -> ResolvedSteps:
    steps = list(job.step_plan)
    for step, number in _using(job):
        own = {name: value for (owner, name), value in values.items() if owner == number}
        env = {key: replace_secrets(text, own) for key, text in step.env.items()}
        steps[number - 1] = replace(step, env=env)
    return ResolvedSteps(step_plan=steps, values=[v for v in dict.fromkeys(values.values()) if v.strip()])
