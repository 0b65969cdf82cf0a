"""The server's own pages: plain HTML without scripts, styles or anything that is loaded. Whatever they show is escaped."""

from __future__ import annotations

from html import escape

import falcon

from cictl.wire.access import WhoAmI

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Not `no-referrer`: with that browsers send `Origin: null` along with the form.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>cictl: {title}</title></head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

_FORM = """\
<form method="post" action="{base}login">
<p><label>Token <input type="password" name="token" autocomplete="off" required autofocus></label></p>
<p><button>Log in</button></p>
</form>
<p>An admin makes one for you: <code>cictl tokens create NAME --role viewer</code></p>"""

_WHO = """\
<p>You are logged in as <strong>{name}</strong>, with the role {role}{projects}.</p>
<ul>
<li><a href="{base}api/v1/openapi.json">The API</a>, as an OpenAPI document</li>
<li><a href="{base}api/v1/whoami">Who you are</a>, as programs see it</li>
</ul>
<form method="post" action="{base}logout"><button>Log out</button></form>"""


def wants_page(req: falcon.Request) -> bool:
    """Tell whether a person looks at the answer: a browser that goes to a page names HTML, its scripts do not."""
    return "text/html" in (req.get_header("Accept") or "")


def show_login(resp: falcon.Response, *, base: str) -> None:
    """Answer, at `/login`, with the form that takes a token."""
    _show(resp, "Log in", _FORM.format(base=escape(base)))


def show_refusal(resp: falcon.Response, text: str, *, base: str) -> None:
    """Answer with *text*, and the way to the form.

    The form itself is not here: of an address with `%2F` or the like a browser and a proxy make different paths, and a relative
    form would send the token to a neighbour of the server.
    """
    _show(resp, "Log in", f'<p>{escape(text)}</p>\n<p><a href="{escape(base or "/")}login">Log in</a></p>')


def show_principal(resp: falcon.Response, who: WhoAmI, *, base: str) -> None:
    """Answer, at `/login`, with who is logged in."""
    projects = f", for {', '.join(who.projects)}" if who.projects else ""
    text = _WHO.format(name=escape(who.name), role=who.role, projects=escape(projects), base=escape(base))
    _show(resp, "Logged in", text)


def go_to_login(resp: falcon.Response, *, base: str) -> None:
    """Let the browser get `/login` anew, which says how things are now."""
    resp.location, resp.status = f"{base}login", falcon.HTTP_303
    resp.content_type = "text/html; charset=utf-8"


def show_open(resp: falcon.Response) -> None:
    """Answer that nobody needs to log in."""
    _show(resp, "No log-in needed", "<p>This server asks nobody for a token.</p>")


def _show(resp: falcon.Response, title: str, body: str) -> None:
    resp.content_type = "text/html; charset=utf-8"
    resp.set_headers(_HEADERS)
    resp.data = _PAGE.format(title=title, body=body).encode()
