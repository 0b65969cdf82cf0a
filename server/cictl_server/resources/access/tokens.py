"""Tokens, enrolment, and who the caller is."""

from __future__ import annotations

import falcon

from cictl.wire.admin.access import EnrollRequest, EnrolmentRequest, NewToken, Token, TokenList, TokenRequest, WhoAmI
from cictl_server.apidoc.describe import api
from cictl_server.errors import RateLimited
from cictl_server.http import media
from cictl_server.http.access.authentication import principal_of, tell_refusal
from cictl_server.services import Services

_NOT_YET = "no admin token is there yet, or the server was started with `--no-auth`"


class TokensResource:
    """`/api/v1/tokens`"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens

    @api(answers={200: TokenList})
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """List the tokens, revoked and expired ones too, without their secrets."""
        media.write(resp, TokenList(tokens=self._tokens.list_tokens()))

    @api(
        request=TokenRequest,
        answers={201: NewToken, 400: "a field is missing or wrong", 409: f"the name is taken, {_NOT_YET}"},
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a token, and return it with its secret, this once.

        The first token must have the role admin. From then on the server wants a token of everybody.
        """
        request = media.read(req, TokenRequest)
        media.write(resp, self._tokens.create(request, created_by=principal_of(req).name), status=201)


class TokenResource:
    """`/api/v1/tokens/{token_id}`"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens

    @api(answers={200: Token, 404: "unknown"})
    def on_delete(self, _req: falcon.Request, resp: falcon.Response, token_id: str) -> None:
        """Revoke a token: it counts no more, and streams that it opened end within seconds."""
        media.write(resp, self._tokens.revoke(media.path_id(token_id, noun="token")))


class TokenRotateResource:
    """`/api/v1/tokens/{token_id}/rotate`"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens

    @api(answers={200: NewToken, 404: "unknown", 409: "it is revoked or has expired"}, takes_key=False)
    def on_post(self, _req: falcon.Request, resp: falcon.Response, token_id: str) -> None:
        """Give a token a new secret, and return it, this once; the old one is dead at once. A body is ignored."""
        media.write(resp, self._tokens.rotate(media.path_id(token_id, noun="token")))


class EnrolmentsResource:
    """`/api/v1/agents/enrolments`"""

    def __init__(self, services: Services) -> None:
        self._tokens = services.access.tokens

    @api(
        request=EnrolmentRequest,
        answers={201: NewToken, 400: "a number is out of bounds", 409: _NOT_YET},
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Make a token that agents trade for tokens of their own, and return it with its secret, this once."""
        request = media.read(req, EnrolmentRequest, empty_is_null=True)
        media.write(resp, self._tokens.create_enrolment(request, created_by=principal_of(req).name), status=201)


class EnrollResource:
    """`/api/v1/agents/enroll`"""

    def __init__(self, services: Services) -> None:
        self._enrolment = services.access.enrolment

    @api(
        request=EnrollRequest,
        answers={
            201: NewToken,
            400: "no agent can have this id",
            403: "the enrolment token is wrong, used up or expired, or the agent has a token already",
            429: "so it is, and many wrong tokens came from this address; `Retry-After` says when to come again",
        },
        takes_key=False,
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Trade an enrolment token for the token of one agent, which is returned this once."""
        request = media.read(req, EnrollRequest)
        try:
            made = self._enrolment.enroll(request.token, request.agent_id, address=req.remote_addr)
        except RateLimited as error:
            tell_refusal(resp, error)
            raise
        media.write(resp, made, status=201)


class WhoAmIResource:
    """`/api/v1/whoami`"""

    def __init__(self, _services: Services) -> None:
        """Take the services like every resource, but use none."""

    @api(answers={200: WhoAmI})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return whom the server takes the caller for."""
        media.write(resp, principal_of(req).shown())
