"""Through which proxy a URL is asked, as the environment says: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
_HERE = ("localhost", "127.0.0.1", "::1")


def proxies_for(url: str) -> dict[str, str]:
    """Return the proxies for *url* by scheme; none for this machine and for the hosts in `NO_PROXY`."""
    # requests knows all forms of NO_PROXY, but is slow to load. Where no proxy is named it is not needed.
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in _VARIABLES) or is_here(url):
        return {}
    from requests.utils import get_environ_proxies

    return dict(get_environ_proxies(url))


def proxy_for(url: str) -> str:
    """Return the URL of the proxy for *url*; empty for none."""
    proxies = proxies_for(url)
    if not proxies:
        return ""
    from requests.utils import select_proxy

    return str(select_proxy(url, proxies) or "")


def is_here(url: str) -> bool:
    """Tell whether *url* is on this machine, which no proxy reaches."""
    host = (urlsplit(url).hostname or "").casefold()
    return host in _HERE or host.startswith("127.")
