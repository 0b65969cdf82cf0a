"""The typed client of cictl's API.

```python
from cictl_client import Client

with Client("http://127.0.0.1:8112") as client:
    print(client.server_info().version)
```

Importing this package is cheap: what it is made of is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cictl_client.answers import RawResponse as RawResponse
    from cictl_client.client import Client as Client
    from cictl_client.errors import *  # noqa: F403 - every kind of error is public
    from cictl_client.follow.events import ServerEvent as ServerEvent
    from cictl_client.follow.logs import LogChunk as LogChunk

# Names are looked up when they are asked for: a program that catches one kind of error must not load every call and every
# type of the wire with it, which shows in how soon a command starts.
_ELSEWHERE = {"Client": "client", "LogChunk": "follow.logs", "RawResponse": "answers", "ServerEvent": "follow.events"}


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
    kinds = {} if name.startswith("_") and name != "__all__" else import_module(f"{__name__}.errors").kinds()
    if name == "__all__":
        return sorted([*_ELSEWHERE, *kinds])
    if name not in kinds:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return kinds[name]
