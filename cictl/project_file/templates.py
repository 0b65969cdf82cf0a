"""Templates in commands and environment values: ``{{variable}}`` and ``{{ secret.NAME }}``."""

import re
from collections.abc import Mapping

_TEMPLATE = re.compile(r"\{\{([^{}]+)\}\}")
_SECRET = re.compile(r"\{\{\s*secret\.([A-Za-z0-9_-]+)\s*\}\}")
_SECRET_BEGUN = re.compile(r"\{\{\s*secret\b")
_SHARED_KEYS = ("version", "version_raw", "tag_prefix")
_ALIASES = {f"{prefix}.{key}": (f"ciwi.{key}", f"cictl.{key}") for key in _SHARED_KEYS for prefix in ("ciwi", "cictl")}


def render(template: str, values: Mapping[str, str]) -> str:
    """Replace each ``{{key}}`` by its value, in one pass, so that a value is never itself taken for a template.

    The braces must touch the key. An unknown key stays as it is. ``cictl.version``, ``cictl.version_raw`` and
    ``cictl.tag_prefix`` are the same keys as those with ``ciwi.``; where *values* has both, ``ciwi.`` wins.
    """

    def value(match: re.Match[str]) -> str:
        key = match.group(1)
        for name in _ALIASES.get(key, (key,)):
            if name in values:
                return values[name]
        return match.group()

    return _TEMPLATE.sub(value, template)


def secret_names(text: str) -> list[str]:
    """List the secrets that *text* has placeholders for, each once, in order of appearance."""
    return list(dict.fromkeys(_SECRET.findall(text)))


def has_malformed_secret(text: str) -> bool:
    """Whether *text* has what looks like a secret's placeholder and is none, such as ``{{ secret.a.b }}``."""
    return len(_SECRET_BEGUN.findall(text)) != len(_SECRET.findall(text))


def replace_secrets(text: str, values: Mapping[str, str]) -> str:
    """Replace each placeholder of a secret in *values*, in one pass; others stay as they are."""
    return _SECRET.sub(lambda match: values.get(match[1], match[0]), text)
