"""The secrets of an execution: read at its lease, from Vault or from what the server keeps itself, put into the environments of its steps and services,
never stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from cictl.base.job_parts import SecretRef, ServiceSpec
from cictl.base.names.git_names import branch_of
from cictl.project_file import replace_secrets, secret_names
from cictl.project_file.findings import quote
from cictl.redaction import url_secrets
from cictl.wire.jobs import Step
from cictl_server.errors import NoCapacity
from cictl_server.services.core.limits.places import Places
from cictl_server.services.secrets.own.secrets import OwnSecretService, SecretElsewhere, SecretMissing
from cictl_server.services.secrets.tokens import literal_token
from cictl_server.services.secrets.vault.connections import find_by_name
from cictl_server.services.secrets.vault.errors import VaultProblem, VaultRefused, VaultUnavailable
from cictl_server.services.secrets.vault.outages import Outages
from cictl_server.services.secrets.vault.reading import VaultAccess, VaultReader, within
from cictl_server.services.secrets.vault.tokens import TokenCache
from cictl_server.store.contract import Store, View
from cictl_server.store.records.jobs import JobRecord
from cictl_server.store.records.secrets import VaultConnectionRecord

PLACES = 24
"""For how many executions Vaults are asked at once. Each holds a server thread, so this stays well below `SPARE_THREADS` of `serve`."""

LEASE_SECONDS = 4.0
"""How long a lease may wait for secrets. An agent of the reference gives the request up after 5 seconds."""

_CROWDED = f"Vault is asked for {PLACES} other jobs just now, as many as may be at once"

PREFIX = "secret resolution failed before execution: "


Part = TypeVar("Part", Step, ServiceSpec)
"""What has an environment of its own, into which secrets may come."""


class SecretsRefused(Exception):
    """The secrets can't be read. The text becomes the error of the execution."""


@dataclass(kw_only=True)
class SecretsDelayed(Exception):
    """The secrets can't be read now; a later attempt may succeed.

    Attributes:
        text: Why.
        until: Ask the Vault again at this time at the earliest; None when the Vault answers but this execution took too long.
    """

    text: str
    until: datetime | None

    def __str__(self) -> str:
        return self.text


class SecretsCrowded(SecretsDelayed):
    """Vaults are asked for as many executions as they may be. Nothing is wrong, so whoever waits is not given up."""


class ResolvedSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an execution that have secrets, for its agent alone.

    Attributes:
        step_plan: The steps, with values in place of the placeholders.
        services: The services, the same.
        values: The distinct values to mask, blank ones left out.
    """

    step_plan: list[Step] = field(repr=False)
    services: list[ServiceSpec] = field(repr=False)
    values: list[str] = field(repr=False)


class _Need(msgspec.Struct, frozen=True, kw_only=True):
    """One secret of one step, and the Vault that it comes from."""

    number: int
    name: str
    connection: VaultConnectionRecord
    secret: SecretRef


class SecretService(msgspec.Struct, frozen=True, kw_only=True):
    """Reads secrets.

    Attributes:
        has_vaults: Otherwise no Vault is asked, and all secrets are the server's own.
        places: Taken while a Vault is asked: a slow one must not hold every thread of the server.
    """

    store: Store
    access: VaultAccess
    tokens: TokenCache
    outages: Outages
    own: OwnSecretService
    has_vaults: bool = True
    places: Places = msgspec.field(default_factory=lambda: Places(places=PLACES, use="reading secrets from Vault"))

    def find_delay(self, job: JobRecord, view: View) -> SecretsDelayed | None:
        """Return why a Vault that *job* needs must not be asked now; None if it may. Costs nothing when all of them answer soon."""
        is_crowded = self.places.waiting >= self.places.places
        if not self.has_vaults or not (is_crowded or self.outages.any) or not needs_secrets(job):
            return None
        names = dict.fromkeys(step.vault_connection.strip() for step, _ in _using(job) if step.vault_connection)
        for name in names:
            connection = find_by_name(view, name)
            if connection is not None and (outage := self.outages.find(connection, job.id)):
                return SecretsDelayed(text=outage.text, until=outage.until)
        return SecretsCrowded(text=_CROWDED, until=None) if is_crowded and names else None

    def resolve(self, job: JobRecord) -> ResolvedSecrets:
        """Read the secrets of *job* within `LEASE_SECONDS`, each path in Vault once.

        A step with a `vault` block has all of its secrets from there, any other step and all services from the server itself.

        Must not be called in a transaction, because it waits for the network.

        Raises:
            SecretsRefused: They can't be read.
            SecretsDelayed: They can't be read now.
        """
        if job.facts.from_fork and needs_secrets(job):
            raise SecretsRefused(f"{PREFIX}runs of pull requests get no secrets")
        if not self.has_vaults:
            job = replace(job, step_plan=[replace(step, vault_connection="") for step in job.step_plan])
        try:
            with self.store.read() as view:
                needs = list(_needs(job, view))
                own = dict(self._own_values(job, view))
        except SecretElsewhere as error:
            raise SecretsDelayed(text=str(error), until=None) from error
        except (VaultRefused, SecretMissing) as error:
            raise SecretsRefused(f"{PREFIX}{error}") from error
        return _resolved(job, self._read(job, needs) if needs else {}, own)

    def resolve_again(self, job: JobRecord) -> list[str]:
        """Return the values to mask in what the agent of *job* sends, read like those of a lease, for a server that forgot them.

        Raises:
            SecretsRefused: They can't be read.
            SecretsDelayed: They can't be read now.
        """
        with self.store.read() as view:
            delay = self.find_delay(job, view)
        if delay is not None:
            raise delay
        return self.resolve(job).values

    def _read(self, job: JobRecord, needs: Sequence[_Need]) -> Mapping[tuple[int, str], str]:
        """Return the values by step number and name. Raises what `resolve` raises."""
        try:
            self.places.take_place(job.id)
        except NoCapacity as error:
            raise SecretsCrowded(text=_CROWDED, until=None) from error
        reader = VaultReader(self.access, self.tokens, seconds=LEASE_SECONDS)
        try:
            values = within(LEASE_SECONDS, lambda: _read_all(reader, needs))
        except VaultUnavailable as error:
            raise self._delay(reader, error) from error
        except VaultProblem as error:
            self._note_answers([reader.waits_for])
            raise SecretsRefused(f"{PREFIX}{error}") from error
        finally:
            self.places.leave_place(job.id)
        self._note_answers(need.connection for need in needs)
        return values

    def _own_values(self, job: JobRecord, view: View) -> Iterable[tuple[str, str]]:
        """Yield the name and the value of each secret that the server keeps itself.

        Raises:
            SecretMissing: It can't be had.
            SecretElsewhere: Another server can have it.
        """
        facts = job.facts
        project_id = int(facts.project_id or 0)
        branch = branch_of(facts.pipeline_source_ref_raw)
        steps = (step.env for step, _ in _using(job) if not step.vault_connection.strip())
        services = (service.env for service in job.services)
        for name in dict.fromkeys(name for env in (*steps, *services) for name in _names_in(env)):
            yield name, self.own.value(view, name, project_id=project_id, branch=branch)

    def _note_answers(self, connections: Iterable[VaultConnectionRecord | None]) -> None:
        for connection in connections:
            if connection is not None:
                self.outages.end(connection)

    def _delay(self, reader: VaultReader, error: VaultUnavailable) -> SecretsDelayed:
        """Note an outage, unless the Vault answered an earlier read: then this execution asks for too much at once."""
        connection = reader.waits_for
        if connection is None or reader.got_answer:
            return SecretsDelayed(text=str(error), until=None)
        cause = f"vault connection {quote(connection.name)}: {error.__cause__ or error}"
        return SecretsDelayed(text=str(error), until=self.outages.begin(connection, cause).until)


def needs_secrets(job: JobRecord) -> bool:
    """Tell whether an environment of *job* has a placeholder. Steps that a dry run skips don't count."""
    return any(True for _ in _using(job)) or any(_has_any(env) for env in (job.env, *(s.env for s in job.services)))


def recorded_secrets(job: JobRecord) -> list[str]:
    """Return the secrets that the record itself holds: credentials in the repository's URL, and a literal token."""
    return [*url_secrets(job.source.repo if job.source else ""), *recorded_tokens(job)]


def recorded_tokens(job: JobRecord) -> list[str]:
    """Return the recorded secrets that an agent does not find itself: the literal token of an automatic bump."""
    token = literal_token(job.step_plan)
    return [token] if token else []


def _has_any(env: Mapping[str, str]) -> bool:
    return any("{{" in value and secret_names(value) for value in env.values())


def _using(job: JobRecord) -> Iterable[tuple[Step, int]]:
    """Yield each step that has placeholders, with its number in the plan, from 1."""
    for number, step in enumerate(job.step_plan, start=1):
        if not step.is_skipped and _has_any(step.env):
            yield step, number


def _needs(job: JobRecord, view: View) -> Iterable[_Need]:
    """Yield the secrets that must be read from Vault.

    Raises:
        VaultRefused: A step asks for something that is not configured.
    """
    if _has_any(job.env):
        raise VaultRefused("secret placeholders are only supported in step env")
    for step, number in _using(job):
        name = step.vault_connection.strip()
        if not name:
            continue
        connection = find_by_name(view, name)
        if connection is None:
            raise VaultRefused(f"resolve vault connection {quote(name)}: vault connection not found")
        declared = {secret.name.strip(): secret for secret in step.vault_secrets}
        for wanted in _names_in(step.env):
            if wanted not in declared:
                raise VaultRefused(f"step {number} secret {quote(wanted)} is not configured in step vault.secrets")
            yield _Need(number=number, name=wanted, connection=connection, secret=declared[wanted])


def _names_in(env: Mapping[str, str]) -> Iterable[str]:
    """Return the names of the secrets that *env* uses, each once."""
    return dict.fromkeys(name for value in env.values() for name in secret_names(value))


def _read_all(reader: VaultReader, needs: Iterable[_Need]) -> dict[tuple[int, str], str]:
    """Return the values by step number and name."""
    values: dict[tuple[int, str], str] = {}
    with reader:
        for need in needs:
            try:
                values[need.number, need.name] = reader.value(need.connection, need.secret)
            except VaultProblem as error:
                text = f"resolve step {need.number} secret {quote(need.name)}: {error}"
                raise type(error)(text) from error
    return values


def _resolved(job: JobRecord, of_vaults: Mapping[tuple[int, str], str], own: Mapping[str, str]) -> ResolvedSecrets:
    """Put the values into the parts of *job*.

    Args:
        of_vaults: By the number of the step and the name.
        own: Those that the server keeps itself, by name.
    """
    steps = list(job.step_plan)
    for step, number in _using(job):
        of_step = {name: value for (owner, name), value in of_vaults.items() if owner == number}
        steps[number - 1] = _with_values(step, of_step if step.vault_connection.strip() else own)
    values = dict.fromkeys([*of_vaults.values(), *own.values()])
    return ResolvedSecrets(
        step_plan=steps,
        services=[_with_values(service, own) for service in job.services],
        values=[value for value in values if value.strip()],
    )


def _with_values(part: Part, values: Mapping[str, str]) -> Part:
    return replace(part, env={key: replace_secrets(text, values) for key, text in part.env.items()})
