"""How much each fuzz target is tried: the same few examples in the suite, fresh ones for minutes under `make fuzz`."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, settings

Property = TypeVar("Property", bound=Callable[..., Any])

MINUTES = "CICTL_FUZZ_MINUTES"
"""Minutes for all properties of a target together, in the environment; unset in the suite."""

_ROUND = 200
"""Examples of one round. A new round begins elsewhere, so that none stays in one corner."""

# Each is a hint at a slow or careless property, and whoever looks at the counts sees that better.
_QUIET = list(HealthCheck)
_SUITE = settings(derandomize=True, database=None, deadline=None, suppress_health_check=_QUIET)
_LONG = settings(max_examples=_ROUND, database=None, deadline=None, suppress_health_check=_QUIET)

_declared: Counter[str] = Counter()


def fuzzed(*, examples: int) -> Callable[[Property], Property]:
    """Set how much a property is tried; it stands above `given`.

    Args:
        examples: How many the suite tries, about a second's worth. They are the same ones each time.
    """

    def decorate(property_: Property) -> Property:
        _declared[property_.__module__] += 1
        if not os.environ.get(MINUTES):
            return settings(_SUITE, max_examples=examples)(property_)
        return cast("Property", _for_minutes(settings(_LONG)(property_)))

    return decorate


def _for_minutes(property_: Any) -> Any:  # Any: what hypothesis makes of a property has attributes that no type tells
    tried = 0
    inner = property_.hypothesis.inner_test

    @wraps(inner)
    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal tried
        tried += 1
        inner(*args, **kwargs)

    property_.hypothesis.inner_test = counted

    @wraps(property_)
    def repeated(*args: Any, **kwargs: Any) -> None:
        seconds = float(os.environ[MINUTES]) * 60 / _declared[property_.__module__]
        begun = time.monotonic()
        try:
            while time.monotonic() < begun + seconds:
                property_(*args, **kwargs)
        finally:
            print(f"\n{property_.__name__}: {tried} examples in {(time.monotonic() - begun) / 60:.1f} minutes")

    return repeated
