"""Why a request is not served: a status, one sentence, and when to come back."""

from collections.abc import Sequence
from typing import Any


class RefusalError(Exception):
    """Answered instead of the route's own reply."""

    def __init__(self, status: int, why: str, *, retry_after: int | None = None, more: dict[str, Any] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.more = status, why, more or {}
        self.headers: dict[str, str] = {} if retry_after is None else {"retry-after": str(retry_after)}
        if status == 401:
            self.headers["www-authenticate"] = "Bearer"

    def document(self) -> dict[str, Any]:
        return {"error": self.why, "suggestion": None, "did_you_mean": list[str]()} | self.more


def refused(rejected: Sequence[tuple[int, str]], counted: int) -> RefusalError:
    """Nothing of a body could be used."""
    first = f"; the first: line {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
    listed = [{"line": line, "reason": reason} for line, reason in rejected]
    more = {"accepted": 0, "rejected": listed, "rejected_count": counted}
    return RefusalError(400, f"no line is a usage event{first}", more=more)
