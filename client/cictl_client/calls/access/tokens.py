"""Calls about tokens, and about who the caller is."""

from __future__ import annotations

from cictl.wire.admin.access import EnrollRequest, EnrolmentRequest, NewToken, Token, TokenList, TokenRequest, WhoAmI
from cictl.wire.codec import encode
from cictl_client.answers import Asked, read_as
from cictl_client.calls.calls import Calls

_TOKENS = "/api/v1/tokens"


class TokenCalls(Calls):
    """The tokens that the server knows. An answer with a secret is given once, so these requests are never repeated."""

    def whoami(self) -> WhoAmI:
        """Return whom the server takes the caller for."""
        return self._transport.get(WhoAmI, "/api/v1/whoami")

    def list_tokens(self) -> list[Token]:
        """Return every token, revoked and expired ones too, sorted by id."""
        return self._transport.get(TokenList, _TOKENS).tokens

    def create_token(self, request: TokenRequest) -> NewToken:
        """Make a token; its secret is in the answer, this once."""
        return self._transport.post(NewToken, _TOKENS, encode(request))

    def rotate_token(self, token_id: int) -> NewToken:
        """Give a token a new secret, which is in the answer, this once; the old one is dead at once."""
        return self._transport.post(NewToken, f"{_TOKENS}/{token_id}/rotate")

    def revoke_token(self, token_id: int) -> Token:
        """Make a token count no more."""
        path = f"{_TOKENS}/{token_id}"
        return read_as(Token, Asked(self._transport.base_url, path), self._mutations.delete(path))

    def create_enrolment(self, request: EnrolmentRequest) -> NewToken:
        """Make a token that agents trade for tokens of their own; its secret is in the answer, this once."""
        return self._transport.post(NewToken, "/api/v1/agents/enrolments", encode(request))

    def enroll(self, enrolment_token: str, agent_id: str) -> NewToken:
        """Trade an enrolment token for the token of one agent, whose secret is in the answer, this once."""
        request = EnrollRequest(token=enrolment_token, agent_id=agent_id)
        return self._transport.post(NewToken, "/api/v1/agents/enroll", encode(request))
