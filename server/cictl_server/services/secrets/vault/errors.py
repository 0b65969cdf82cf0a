"""What can go wrong between this server and a Vault. The texts are the contract's; they go into job errors.

VaultProblem
├── VaultRefused         trying again will not help: settings, permissions, or what the Vault holds
│   └── TokenRefused     the token may not do this, or no longer (401, 403)
└── VaultUnavailable     trying later may help: the Vault is unreachable, sealed, overloaded or slow
"""

from __future__ import annotations


class VaultProblem(Exception):
    """Base of both kinds."""


class VaultRefused(VaultProblem):
    pass


class TokenRefused(VaultRefused):
    pass


class VaultUnavailable(VaultProblem):
    pass
