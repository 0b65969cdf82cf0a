"""What is known of one call: its request, the answer, and what the method makes of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cictl_client import Client

Call = Callable[[Client], Any]


def case(name: str, request: str, answer: object, call: Call, result: object, body: object = None) -> Any:
    return pytest.param(request, answer, call, result, body, id=name)
