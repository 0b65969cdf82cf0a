"""The typed client of cictl's API.

```python
from cictl_client import Client

with Client("http://127.0.0.1:8112") as client:
    print(client.server_info().version)
```

Importing this package is cheap: HTTP is loaded with the first `Client`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cictl_client.client import Client
    from cictl_client.errors import (
        ApiError,
        ClientError,
        Conflict,
        Forbidden,
        GitFailed,
        GitMissing,
        InvalidProject,
        InvalidRequest,
        LogGap,
        MethodNotAllowed,
        NoCapacity,
        NotFound,
        ServerError,
        StoreFailed,
        StoreFull,
        TooLarge,
        Unauthenticated,
        UnexpectedAnswer,
        Unreachable,
        UpdateFailed,
        UpdateUnavailable,
        WaitTimedOut,
    )
    from cictl_client.follow.events import ServerEvent
    from cictl_client.follow.logs import LogChunk
    from cictl_client.transport import RawResponse

__all__ = [
    "ApiError",
    "Client",
    "ClientError",
    "Conflict",
    "Forbidden",
    "GitFailed",
    "GitMissing",
    "InvalidProject",
    "InvalidRequest",
    "LogChunk",
    "LogGap",
    "MethodNotAllowed",
    "NoCapacity",
    "NotFound",
    "RawResponse",
    "ServerError",
    "ServerEvent",
    "StoreFailed",
    "StoreFull",
    "TooLarge",
    "Unauthenticated",
    "UnexpectedAnswer",
    "Unreachable",
    "UpdateFailed",
    "UpdateUnavailable",
    "WaitTimedOut",
]

_ELSEWHERE = {"Client": "client", "LogChunk": "follow.logs", "RawResponse": "transport", "ServerEvent": "follow.events"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'errors')}"), name)
