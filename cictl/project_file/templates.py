"""Templates in commands and environment values: ``{{variable}}`` and ``{{ secret.NAME }}``."""

import re
from collections.abc import Mapping

_TEMPLATE = re.compile(r"\{\{([^{}]+)\}\}")
_SECRET = re.compile(r"\{\{\s*secret\.([A-Za-z0-9_-]+)\s*\}\}")
_SECRET_BEGUN = re.compile(r"\{\{\s*secret\b")
_SHARED_KEYS = ("version", "version_raw", "tag_prefix")
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


def secret_names(text: str) -> list[str]:
    """Return the names of the secrets that *text* has placeholders for, each once, in order of appearance."""
    return list(dict.fromkeys(_SECRET.findall(text)))


def has_malformed_secret(text: str) -> bool:
    """Tell whether *text* has a malformed placeholder of a secret, such as ``{{ secret.a.b }}``."""
    return len(_SECRET_BEGUN.findall(text)) != len(_SECRET.findall(text))


def replace_secrets(text: str, values: Mapping[str, str]) -> str:
    """Return *text* with each placeholder of a secret in *values* replaced. Others stay as they are."""
    return _SECRET.sub(lambda match: values.get(match[1], match[0]), text)
