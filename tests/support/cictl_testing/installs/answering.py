"""What answers at an address, asked patiently."""

from __future__ import annotations

from cictl.installation.health import probe
from cictl_testing.processes import eventually


def version_at(url: str) -> str:
    """Return the version of the server at *url*, once it answers: on a busy machine a single question may be answered too late."""
    return eventually(lambda: probe(url), what=f"the server at {url}").version
