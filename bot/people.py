"""Who is asking: only full, active members of our own workspace get figures."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.messenger import reason
from finops.errors import FinopsError, UserError

REMEMBERED: Final = 600.0  # seconds; for viewing, an hour would still do
FLAGS: Final = {
    "deleted": "your account is deactivated",
    "is_restricted": "you are a guest in this workspace",
    "is_ultra_restricted": "you are a guest in this workspace",
    "is_stranger": "you belong to another workspace",
    "is_bot": "bots get none",
    "is_workflow_bot": "bots get none",
}


class NotAllowedError(UserError):
    """This person gets no figures; the sentence says why."""


@dataclass(frozen=True)
class Us:
    """The workspace and the bot user that our token belongs to; `enterprise` on Enterprise Grid only."""

    team: str
    bot_user: str
    enterprise: str | None = None


def who_we_are(client: WebClient) -> Us:
    """Ask Slack whose token this is. Raises UserError for one that does not work, FinopsError when Slack cannot be reached."""
    try:
        found = client.auth_test()
    except SlackApiError as problem:
        if reason(problem) in ("ratelimited", "internal_error", "service_unavailable", "fatal_error") or _is_down(problem):
            raise FinopsError(f"Slack does not answer at {client.base_url} ({reason(problem)}); start again when it does") from problem
        raise UserError(f"SLACK_BOT_TOKEN does not work ({reason(problem)}); reinstall the app and set the new token") from problem
    except (SlackClientError, OSError, HTTPException) as problem:
        raise unreachable(client, problem) from problem
    return Us(str(found["team_id"]), str(found["user_id"]), found.get("enterprise_id"))


def unreachable(client: WebClient, problem: Exception) -> FinopsError:
    """Return the sentence for a Slack that cannot be reached at all."""
    why = getattr(problem, "reason", None) or problem
    return FinopsError(f"Slack cannot be reached at {client.base_url} ({why}); check network and proxy, then start again")


def _is_down(problem: SlackApiError) -> bool:
    return reason(problem).startswith("http_5")


@dataclass(frozen=True)
class Person:
    """A Slack user as far as it matters here."""

    id: str
    team: str
    tz: str | None


class People:
    """Looks people up in Slack and remembers them for ten minutes. `clock` counts seconds."""

    def __init__(self, client: WebClient, clock: Callable[[], float], us: Us) -> None:
        self._client, self._clock, self._us = client, clock, us
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
            raise NotAllowedError(str(known[1]))  # anew: several threads may raise it
        return known[1]

    def _look_up(self, user_id: str) -> Person | NotAllowedError:
        """Raises NotAllowedError when Slack does not say: that is not remembered, unlike its word that someone may not."""
        try:
            user: dict[str, Any] = self._client.users_info(user=user_id)["user"]
        except (SlackClientError, OSError, HTTPException) as problem:
            raise NotAllowedError(
                f"Slack does not say who you are ({reason(problem)}), so no figures are shown; try again later"
            ) from problem
        why = next((told for flag, told in FLAGS.items() if user.get(flag)), None)
        if why is None and not self._is_ours(user):
            why = FLAGS["is_stranger"]
        if why is not None:
            return NotAllowedError(f"Cost figures are for members of this workspace: {why}; ask a member to share the answer with you")
        return Person(user_id, str(user.get("team_id", "")), user.get("tz"))

    def _is_ours(self, user: Mapping[str, Any]) -> bool:
        return is_ours(user, self._us)


def is_ours(user: Mapping[str, Any], us: Us) -> bool:
    """Whether a user belongs to us: on Enterprise Grid a colleague may have another workspace of the same organisation as home."""
    enterprise = (user.get("enterprise_user") or {}).get("enterprise_id")
    return user.get("team_id") == us.team or (us.enterprise is not None and enterprise == us.enterprise)
