"""Which route a path takes. Falcon's own router writes and compiles a program for that, which takes most of a start."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

import msgspec
from falcon.routing import CompiledRouter, map_http_methods, set_default_responders

Responders = dict[str, Callable[..., Any]]
"""Who answers, by method."""

Found = tuple[object, Responders, dict[str, Any], str | None]
"""The resource, its responders, what the placeholders stand for, and the template."""

_KNOWN_PATHS = 512
_SHORT_PATH = 200
"""Longer paths are looked up each time: whoever asks decides how long they are."""

_FIELD = re.compile(r"\{(\w+)(:path)?\}(.*)")


class Router(CompiledRouter):
    """Finds routes by the parts of a path.

    A part that is written out goes before one with an ending, `{name}.svg`, and that before `{name}`, which takes any part, even an
    empty one. `{name:path}` takes all that is left.
    """

    def __init__(self) -> None:
        super().__init__()
        self._root = _Place()
        self._making = threading.Lock()
        self._known = lru_cache(_KNOWN_PATHS)(self._walk)
        """Each request is looked up several times, and agents ask at the same few paths again and again."""

    def add_route(self, uri_template: str, resource: object, *, suffix: str | None = None, **_: Any) -> None:
        """Let *resource* answer at *uri_template*.

        Raises:
            ValueError: At this place there is a placeholder of another name.
        """
        self.add_later(uri_template, lambda: resource, suffix=suffix)

    def add_later(self, uri_template: str, make: Callable[[], object], *, suffix: str | None = None) -> None:
        """Let the resource that *make* returns answer at *uri_template*. It is made once, when a path leads there first.

        Raises:
            ValueError: At this place there is a placeholder of another name.
        """
        place = self._root
        for part in _parts(uri_template):
            place = place.next(part)
        place.route = _Route(uri_template, make, suffix)
        self._known.cache_clear()

    def find(self, uri: str, req: object = None) -> Found | None:
        """Return the route that *uri* takes, None if there is none."""
        found = self._known(uri) if len(uri) <= _SHORT_PATH else self._walk(uri)
        if found is None:
            return None
        route, params = found
        resource, responders = route.made or self._made(route)
        return resource, responders, dict(params), route.template

    def _walk(self, uri: str) -> tuple[_Route, dict[str, Any]] | None:
        return self._root.find(_parts(uri), 0)

    def _made(self, route: _Route) -> tuple[object, Responders]:
        with self._making:  # a resource may remember what it was asked, so there is one
            if route.made is None:
                resource = route.make()
                route.made = resource, _responders(resource, route.suffix)
            return route.made


class _Route(msgspec.Struct, eq=False):
    """Where a path ends, and who answers there: *made* is None until somebody asks."""

    template: str
    make: Callable[[], object]
    suffix: str | None
    made: tuple[object, Responders] | None = None


class _Place(msgspec.Struct, eq=False):
    """Where some parts of a path lead to."""

    route: _Route | None = None
    literals: dict[str, _Place] = msgspec.field(default_factory=dict)
    fields: list[_Field] = msgspec.field(default_factory=list)

    def next(self, part: str) -> _Place:
        """Return the place behind *part* of a template, made if there is none."""
        match = _FIELD.fullmatch(part)
        if match is None:
            return self.literals.setdefault(part, _Place())
        wanted = _Field(match[1], ending=match[3], takes_rest=bool(match[2]))
        for known in self.fields:
            if (known.ending, known.takes_rest) == (wanted.ending, wanted.takes_rest):
                if known.name != wanted.name:
                    raise ValueError(f"{part} and {{{known.name}}} are at the same place")
                return known.place
        self.fields.append(wanted)
        self.fields.sort(key=lambda one: (one.takes_rest, -len(one.ending)))
        return wanted.place

    def find(self, parts: list[str], at: int) -> tuple[_Route, dict[str, Any]] | None:
        """Return the route behind *parts* from number *at* on, with what its placeholders stand for."""
        if at == len(parts):
            return None if self.route is None else (self.route, {})
        literal = self.literals.get(parts[at])
        if literal is not None and (found := literal.find(parts, at + 1)) is not None:
            return found
        for one in self.fields:
            if (found := one.find(parts, at)) is not None:
                return found
        return None


class _Field(msgspec.Struct, eq=False):
    """A placeholder, and the place behind it."""

    name: str
    ending: str
    takes_rest: bool
    place: _Place = msgspec.field(default_factory=_Place)

    def find(self, parts: list[str], at: int) -> tuple[_Route, dict[str, Any]] | None:
        value = "/".join(parts[at:]) if self.takes_rest else parts[at]
        if self.ending and (value == self.ending or not value.endswith(self.ending)):
            return None
        found = self.place.find(parts, len(parts) if self.takes_rest else at + 1)
        if found is not None:
            found[1][self.name] = value.removesuffix(self.ending)
        return found


def _parts(path: str) -> list[str]:
    return path.lstrip("/").split("/")


def _responders(resource: object, suffix: str | None) -> Responders:
    own, others = _names(resource if isinstance(resource, type) else type(resource), suffix)
    return {**others, **{method: getattr(resource, name) for method, name in own.items()}}


@cache
def _names(kind: type[Any], suffix: str | None) -> tuple[Mapping[str, str], Responders]:
    """Return the names of the responders of a class, and who says that there are no others."""
    own: Responders = map_http_methods(kind, suffix)
    everyone = dict(own)
    set_default_responders(everyone)
    others = {method: responder for method, responder in everyone.items() if method not in own}
    return {method: "_".join(filter(None, ("on", method.lower(), suffix))) for method in own}, others
