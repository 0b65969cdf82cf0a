"""Secrets: the Vaults they come from, how jobs get them, and how they are masked in what people see."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.secrets.lease_secrets import SecretService
from cictl_server.services.secrets.masks import Masks
from cictl_server.services.secrets.own.key_holders import KeyHolders
from cictl_server.services.secrets.own.sealing import KeyRing
from cictl_server.services.secrets.own.secrets import OwnSecretService
from cictl_server.services.secrets.recall import SecretRecall
from cictl_server.services.secrets.sensitive import SensitiveValues
from cictl_server.services.secrets.vault.connections import VaultConnectionService
from cictl_server.services.secrets.vault.outages import Outages
from cictl_server.services.secrets.vault.reading import VaultAccess
from cictl_server.services.secrets.vault.testing import VaultTestService
from cictl_server.services.secrets.vault.tokens import TokenCache


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    sensitive: SensitiveValues
    masks: Masks
    connections: VaultConnectionService
    testing: VaultTestService
    lease_secrets: SecretService
    own: OwnSecretService

    @classmethod
    def build(cls, core: Core, directory: Path, *, vault_urls: Sequence[str], has_vaults: bool) -> Secrets:
        store, clock = core.store, core.clock
        sensitive = SensitiveValues()
        tokens, outages = TokenCache(clock), Outages(clock)
        access = VaultAccess(environment=os.environ, allowed_urls=vault_urls)
        connections = VaultConnectionService(
            store=store, tokens=tokens, outages=outages, allowed_urls=vault_urls, clock=clock
        )
        keys = KeyRing(directory, os.environ)
        holders = KeyHolders(store=store, ring=keys, signals=core.signals)
        own = OwnSecretService(store=store, keys=keys, holders=holders, clock=clock)
        lease_secrets = SecretService(
            store=store, access=access, tokens=tokens, outages=outages, own=own, has_vaults=has_vaults
        )
        return cls(
            sensitive=sensitive,
            masks=Masks(sensitive, SecretRecall(lease_secrets, sensitive)),
            connections=connections,
            testing=VaultTestService(store=store, connections=connections, access=access, clock=clock),
            lease_secrets=lease_secrets,
            own=own,
        )
