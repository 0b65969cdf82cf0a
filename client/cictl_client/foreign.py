"""Answers that are not the server's, but of something before it: whose they look like, and what to do about them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cictl.wire.words import NO_ROUTE

_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, kw_only=True)
class _Product:
    """A program that stands before servers.

    Attributes:
        name: With its article.
        in_header: What its `Server` header holds, in lower case.
        in_body: A pattern of what its pages hold.
        body_limit: Its setting for the size of requests.
    """

    name: str
    in_header: str = "\0"
    in_body: str = "\0"
    body_limit: str = ""


_PRODUCTS = (
    _Product(name="a Cloudflare", in_header="cloudflare", in_body="(?i)cloudflare", body_limit="its limit of the plan"),
    _Product(name="an nginx", in_header="nginx", in_body=r"<center>nginx", body_limit="client_max_body_size"),
    _Product(name="an nginx", in_header="openresty", in_body=r"<center>openresty", body_limit="client_max_body_size"),
    _Product(name="an Apache", in_header="apache", in_body=r"<address>Apache", body_limit="LimitRequestBody"),
    _Product(name="a Caddy", in_header="caddy", body_limit="request_body max_size"),
    _Product(name="an Envoy", in_header="envoy"),
    _Product(name="an HAProxy", in_body=r"\A<html><body><h1>\d{3} [^<]+</h1>\n[^<]+\n</body></html>"),
    _Product(
        name="a Traefik",
        in_body=rf"\A({NO_ROUTE}|no available server|Bad Gateway|Gateway Timeout|Service Unavailable)\s*\Z",
        body_limit="maxRequestBodyBytes",
    ),
)

_ADVICE = {
    401: "it wants a user and a password: put them into the address, as in https://user:password@host",
    403: "it lets this machine, or this path, not through",
    404: "does the address have the right path, and does the proxy pass that on?",
    407: "it wants a user and a password: put them into HTTP_PROXY",
    408: "the request came too slowly for it",
    413: "raise its limit for the size of requests",
    429: "it allows no more requests for now",
    502: "the server behind it does not answer",
    503: "the server behind it does not answer",
    504: "the server behind it takes longer than it waits",
}


def described(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Return whose answer this looks like, its status, and what may help: `an nginx page: 413; raise …`.

    Args:
        headers: Their names in lower case, or a mapping that knows no case.
    """
    product = _product(headers, body[:4096].decode(errors="replace"))
    who = f"{product.name} page" if product else _unknown(headers, body)
    advice = _advice(status, product)
    return f"{who}: {status}" + (f"; {advice}" if advice else "")


def _product(headers: Mapping[str, str], page: str) -> _Product | None:
    server = headers.get("server", "").lower()
    by_header = next((product for product in _PRODUCTS if product.in_header in server), None)
    return by_header or next((product for product in _PRODUCTS if re.search(product.in_body, page)), None)


def _unknown(headers: Mapping[str, str], body: bytes) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        return "a web page"
    text = body.decode(errors="replace").strip()
    said = f" {text!r}" if kind == "text/plain" and 0 < len(text) <= _SHOWN_CHARACTERS and text.isprintable() else ""
    return f"not a cictl server's answer{said}"


def _advice(status: int, product: _Product | None) -> str:
    if status == 413 and product and product.body_limit:
        return f"raise {product.body_limit}"
    if 200 <= status < 400:
        return "perhaps the network wants you to sign in, or another program has this address"
    return _ADVICE.get(status, "")
