"""Templates in commands and environment values: ``{{variable}}`` and ``{{ secret.NAME }}``."""

import re
from collections.abc import Mapping, Set
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_TEMPLATE = re.compile(r"\{\{([^{}]+)\}\}")
_SECRET = re.compile(r"\{\{\s*secret\.([A-Za-z0-9_-]+)\s*\}\}")
_SECRET_BEGUN = re.compile(r"\{\{\s*secret\b")
_SHARED_KEYS = ("version", "version_raw", "tag_prefix")
VERSION_KEYS = frozenset(f"{prefix}.{key}" for key in _SHARED_KEYS for prefix in ("ciwi", "cictl"))
"""The keys that every run with a version fills."""

# Templates of other tools look otherwise: `{{.Names}}` of Go, `{{ x | upper }}` of Jinja.
_LIKE_OURS = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}")
_ALIASES = {f"{prefix}.{key}": (f"ciwi.{key}", f"cictl.{key}") for key in _SHARED_KEYS for prefix in ("ciwi", "cictl")}


def render(template: str, values: Mapping[str, str]) -> str:
    """Return *template* with each ``{{key}}`` replaced by its value. Templates inside a value are not replaced.

    The braces must touch the key. An unknown key stays as it is. ``cictl.version``, ``cictl.version_raw`` and
    ``cictl.tag_prefix`` mean the same as those with ``ciwi.``. If *values* has both, ``ciwi.`` wins.
    """

    def value(match: re.Match[str]) -> str:
        key = match.group(1)
        for name in _ALIASES.get(key, (key,)):
            if name in values:
                return values[name]
        return match.group()

    return _TEMPLATE.sub(value, template)


def render_all(part: T, values: Mapping[str, str]) -> T:
    """Return *part*, a text or whatever holds texts, with the templates in all of its texts replaced."""
    rendered: Any = part
    if isinstance(part, str) and type(part) is str:  # not a word of an enum
        rendered = render(part, values)
    elif isinstance(part, list):
        rendered = [render_all(item, values) for item in part]
    elif isinstance(part, dict):
        rendered = {key: render_all(value, values) for key, value in part.items()}
    elif isinstance(part, msgspec.Struct):
        fields = msgspec.structs.asdict(part)
        rendered = msgspec.structs.replace(part, **{name: render_all(value, values) for name, value in fields.items()})
    return rendered  # type: ignore[no-any-return]


def names_in(template: str) -> list[str]:
    """Return what stands between the double braces in *template*, in its order."""
    return _TEMPLATE.findall(template)


def unfilled(template: str, keys: Set[str]) -> list[str]:
    """Return the placeholders in *template* that look like ours and that none of *keys* fills, each once.

    One with blanks, such as ``{{ cictl.version }}``, is filled by nothing; only secrets may have them.
    """
    found = _LIKE_OURS.finditer(template)
    return list(dict.fromkeys(m[0] for m in found if m[0][2:-2] not in keys and not m[1].startswith("secret.")))


def secret_names(text: str) -> list[str]:
    """Return the names of the secrets that *text* has placeholders for, each once, in order of appearance."""
    return list(dict.fromkeys(_SECRET.findall(text)))


def has_malformed_secret(text: str) -> bool:
    """Tell whether *text* has a malformed placeholder of a secret, such as ``{{ secret.a.b }}``."""
    return len(_SECRET_BEGUN.findall(text)) != len(_SECRET.findall(text))


def replace_secrets(text: str, values: Mapping[str, str]) -> str:
    """Return *text* with each placeholder of a secret in *values* replaced. Others stay as they are."""
    return _SECRET.sub(lambda match: values.get(match[1], match[0]), text)
