"""Tokens: who has one, and new ones, which are shown this once."""

from __future__ import annotations

from collections.abc import Mapping

import falcon

from cictl.base.text.durations import parse_duration
from cictl.wire.admin.access import EnrolmentRequest, NewToken, Role, Token, TokenRequest
from cictl_server.errors import InvalidRequest, NotFound
from cictl_server.face.forms import given_of, read_form
from cictl_server.face.page import Pages, View, go_to
from cictl_server.face.questions import Question, ask
from cictl_server.face.shown import counted
from cictl_server.face.views.project import show_once
from cictl_server.face.views.queue import whole_number
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of
from cictl_server.services import Services
from cictl_server.services.jobs.obstacles import command

_BACK = "admin/tokens"
_OPTIONS = {"--agent": "agent_id", "--ttl": "ttl"}
_ROLES = (Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.AGENT)


class TokensPage:
    """`/admin/tokens`"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens
        self._authentication = services.access.authentication
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Show the tokens, valid ones first."""
        tokens = sorted(self._tokens.list_tokens(), key=lambda token: (token.revoked_utc is not None, -token.id))
        view = View(
            template="admin/tokens.html",
            title="Tokens",
            section="admin",
            command="cictl tokens list",
            values={"tokens": tokens, "roles": _ROLES, "is_on": self._authentication.is_on},
        )
        self._pages.show(req, resp, view)


class TokenNewPage:
    """`/admin/tokens/new`, with the token's fields in the query"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say what the token may do, and for how long."""
        given = given_of(req, "name", "role", "agent_id", "projects", "ttl")
        wanted = _token(given)
        what = f"with the role {wanted.role}"
        if wanted.projects:
            what += f", for {', '.join(wanted.projects)} alone"
        if wanted.agent_id:
            what += f", of the agent {wanted.agent_id}"
        lifetime = f"for {given['ttl']}" if wanted.ttl_seconds else "until it is revoked"
        words = ["--role", wanted.role]
        words += [word for project in wanted.projects for word in ("--project", project)]
        words += [word for option, name in _OPTIONS.items() if name in given for word in (option, given[name])]
        question = Question(
            title=f"Make the token {wanted.name}?",
            text=[
                f"A token {what}, valid {lifetime}.",
                "Its secret is shown this once.",
            ],
            button="Make the token",
            back=_BACK,
            command=command("tokens", "create", wanted.name, *words),
            hidden=given,
            is_harmful=False,
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a token, and show its secret, this once."""
        made = self._tokens.create(_token(read_form(req)), created_by=principal_of(req).name)
        _show(self._pages, req, resp, made)


class TokenRevokePage:
    """`/admin/tokens/{token_id}/revoke`"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, token_id: str) -> None:
        """Say what revoking means."""
        token = _find(self._tokens.list_tokens(), token_id)
        question = Question(
            title=f"Revoke {token.name}?",
            text=[
                f"The token {token.name}, with the role {token.role}, which ends in {token.last_four}, is valid no more from that moment.",
                "Browsers that are logged in with it are logged out. This can't be undone.",
            ],
            button="Revoke",
            back=_BACK,
            command=command("tokens", "revoke", token.name),
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response, token_id: str) -> None:
        """Revoke the token."""
        self._tokens.revoke(media.path_id(token_id, noun="token"))
        go_to(req, resp, _BACK)


class TokenRotatePage:
    """`/admin/tokens/{token_id}/rotate`"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response, token_id: str) -> None:
        """Say what rotating means."""
        token = _find(self._tokens.list_tokens(), token_id)
        question = Question(
            title=f"Give {token.name} a new secret?",
            text=["The old one is valid no more from that moment. The new one is shown this once."],
            button="Rotate",
            back=_BACK,
            command=command("tokens", "rotate", token.name),
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response, token_id: str) -> None:
        """Make another secret, and show it, this once."""
        _show(self._pages, req, resp, self._tokens.rotate(media.path_id(token_id, noun="token")))


class EnrolmentPage:
    """`/admin/enrolments`, with the fields in the query"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens
        self._pages = Pages(services)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Say how many agents may come, and until when."""
        given = {"uses": "1", "ttl": "24h", **given_of(req, "uses", "ttl")}
        wanted = _enrolment(given)
        question = Question(
            title=f"Let {counted(wanted.uses, 'agent')} enrol?",
            text=[f"Whoever has the token within {given['ttl']} gets one for an agent. It is shown this once."],
            button="Make an enrolment token",
            back=_BACK,
            command=command("agents", "enroll", "--uses", given["uses"], "--ttl", given["ttl"]),
            hidden=given,
            is_harmful=False,
        )
        ask(self._pages, req, resp, question, section="admin")

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a token that agents trade for tokens of their own, and show it, this once."""
        made = self._tokens.create_enrolment(_enrolment(read_form(req)), created_by=principal_of(req).name)
        _show(self._pages, req, resp, made)


def _token(form: Mapping[str, str]) -> TokenRequest:
    return TokenRequest(
        name=form.get("name", ""),
        role=form.get("role", ""),
        agent_id=form.get("agent_id", ""),
        projects=[name for name in map(str.strip, form.get("projects", "").split(",")) if name],
        ttl_seconds=seconds_of(form.get("ttl", "")),
    )


def _enrolment(form: Mapping[str, str]) -> EnrolmentRequest:
    return EnrolmentRequest(
        uses=whole_number(form.get("uses", "1"), what="uses"),
        ttl_seconds=seconds_of(form.get("ttl", "")) or 86_400,
    )


def seconds_of(text: str) -> int:
    """Return `90d`, `12h` and the like in seconds; 0 for nothing.

    Raises:
        InvalidRequest: It is no length of time.
    """
    if not text:
        return 0
    try:
        return int(parse_duration(text).total_seconds())
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"{text[:50]} is no duration", hint="write 15m, 12h or 90d") from error


def _show(pages: Pages, req: falcon.Request, resp: falcon.Response, made: NewToken) -> None:
    is_enrolment = made.role is Role.ENROLMENT
    how = "cictl run-agent --enroll-token-file FILE" if is_enrolment else f"cictl login {req.prefix} --token-file FILE"
    show_once(
        pages,
        req,
        resp,
        title=f"Token {made.name}",
        secrets={f"Token with the role {made.role}": made.token},
        text=f"Write it to a file that others can't read, then `{how}`.",
        back=_BACK,
        section="admin",
    )


def _find(tokens: list[Token], text: str) -> Token:
    number = media.path_id(text, noun="token")
    found = next((token for token in tokens if token.id == number), None)
    if found is None:
        raise NotFound("token")
    return found
