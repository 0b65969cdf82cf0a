"""What can go wrong between this server and a Vault. The texts are the contract's; they go into job errors.

VaultProblem
├── VaultRefused         nothing changes by trying again: settings, permissions, or what the Vault holds
│   └── TokenRefused     the token is not, or no longer, good for this (401, 403)
└── VaultUnavailable     the Vault cannot be reached, is sealed, overloaded or too slow: later it may work
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
