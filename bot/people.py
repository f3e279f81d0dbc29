"""Who is asking: only full, active members of our own workspace get figures."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from finops.errors import UserError

REMEMBERED: Final = 600.0  # seconds; for viewing, an hour would still do


class NotAllowedError(UserError):
    """This person gets no figures; the sentence says why."""


@dataclass(frozen=True)
class Person:
    """A Slack user as far as it matters here."""

    id: str
    team: str
    tz: str | None


class People:
    """Looks people up in Slack and remembers them for ten minutes. `clock` counts seconds."""

    def __init__(self, client: WebClient, clock: Callable[[], float]) -> None:
        self._client, self._clock = client, clock
        self._known: dict[str, tuple[float, Person | NotAllowedError]] = {}
        self._lock = threading.Lock()

    def may_ask(self, user_id: str) -> Person:
        """Return the person.

        Raises NotAllowedError for guests, people of other workspaces, bots and removed users, and when Slack does not say.
        """
        with self._lock:
            known = self._known.get(user_id)
        if known is None or self._clock() - known[0] > REMEMBERED:
            known = (self._clock(), self._look_up(user_id))
            with self._lock:
                self._known[user_id] = known
        if isinstance(known[1], NotAllowedError):
            raise known[1]
        return known[1]

    def _look_up(self, user_id: str) -> Person | NotAllowedError:
        try:
            user: dict[str, Any] = self._client.users_info(user=user_id)["user"]
        except SlackApiError as problem:
            return NotAllowedError(
                f"Slack does not say who you are ({problem.response['error']}), so no figures are shown; try again later"
            )
        reasons = {
            "deleted": "your account is deactivated",
            "is_restricted": "you are a guest in this workspace",
            "is_ultra_restricted": "you are a guest in this workspace",
            "is_stranger": "you belong to another workspace",
            "is_bot": "bots get none",
        }
        for flag, reason in reasons.items():
            if user.get(flag):
                return NotAllowedError(
                    f"Cost figures are for members of this workspace: {reason}; ask a member to share the answer with you"
                )
        return Person(user_id, str(user.get("team_id", "")), user.get("tz"))
