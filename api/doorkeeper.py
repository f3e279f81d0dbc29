"""Who may come in: bearer tokens, compared in constant time."""

import hmac
from collections.abc import Iterable
from hashlib import sha256

from starlette.requests import Request

from api.refusals import RefusalError


class Doorkeeper:
    """Knows callers by name and token; without any it lets nobody in and says which setting to set."""

    def __init__(self, doors: Iterable[tuple[str, str]]) -> None:
        self._digests = [(name, sha256(token.encode()).digest()) for name, token in doors]

    def admit(self, request: Request) -> str:
        """Return the caller's name. Raises RefusalError for who is not known."""
        if not self._digests:
            raise RefusalError(
                401, "FINOPS_API_TOKENS is not set, so nobody is known here; set name=token pairs and send one as a bearer token"
            )
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() != "bearer" or not token.strip():
            raise RefusalError(401, "no bearer token was sent; send one of FINOPS_API_TOKENS as 'Authorization: Bearer …'")
        digest = sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        found = [name for name, known in self._digests if hmac.compare_digest(digest, known)]
        if not found:
            raise RefusalError(401, "the bearer token is not known here; send one of FINOPS_API_TOKENS")
        return found[0]
