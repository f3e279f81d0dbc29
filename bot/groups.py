"""Who clicks, as Slack tells it at that moment: account, mail address and user groups. What Slack does not say counts against them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.messenger import reason
from bot.people import Us, is_ours
from finops.guard.approvals import Account, Voter
from finops.guard.quorum import USER

LOG = logging.getLogger("finops.slack.groups")
TROUBLES: Final = (SlackClientError, OSError, HTTPException)
TOLD: Final = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")  # what Slack says of every working account


@dataclass(frozen=True)
class Clicker:
    """A voter, and whether they run the workspace."""

    voter: Voter
    is_admin: bool = False


class Groups:
    """Looks people up anew at each click; nothing is remembered, since a right may have ended a moment ago."""

    def __init__(self, client: WebClient, us: Us) -> None:
        self._client, self._us = client, us

    def clicker(self, user: str, deciding: Iterable[str]) -> Clicker:
        """Return who `user` is; groups are asked for only where one of `deciding` is a group. Never raises for what Slack does not say."""
        found = self._user(user)
        account = account_of(found, self._us)
        if account != "member" or found is None:
            return Clicker(Voter(user, frozenset(), account))
        mail = str((found.get("profile") or {}).get("email") or "").strip().casefold()
        groups = self.memberships(user) if any(is_group(name) for name in deciding) else frozenset()
        return Clicker(Voter(user, groups, account, mail or None), bool(found.get("is_admin") or found.get("is_owner")))

    def memberships(self, user: str) -> frozenset[str] | None:
        """Return ids and handles of the user groups that a person is in; None where Slack does not say."""
        try:  # one answer, so that names and members are of one moment; switched-off groups are left out of it
            found = self._client.usergroups_list(include_users=True)["usergroups"]
        except TROUBLES as problem:
            LOG.warning("Slack does not say who is in which user group (%s)", reason(problem))
            return None
        mine = [group for group in found if user in (group.get("users") or ()) and not group.get("date_delete")]
        return frozenset(str(group[name]) for group in mine for name in ("id", "handle") if group.get(name))

    def outsiders(self, channel: str) -> str | None:
        """Say why nothing is decided in this channel, since others may read it; None where only our own people do."""
        if channel.startswith("D"):  # to look at a direct message takes a right of its own, and nobody else is in it
            return None
        try:
            found: Mapping[str, Any] = self._client.conversations_info(channel=channel)["channel"]
        except TROUBLES as problem:
            return f"Slack does not say who reads this channel ({reason(problem)}), so nothing was counted; try again later"
        if found.get("is_ext_shared") is not False or found.get("is_pending_ext_shared"):
            return "this channel is shared with another company, so nothing is decided here; open the Home tab of finops-bot"
        return None

    def _user(self, user: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._client.users_info(user=user)["user"]
        except TROUBLES as problem:
            LOG.warning("Slack does not say who %s is (%s)", user, reason(problem))
            return None
        return found


def account_of(user: Mapping[str, Any] | None, us: Us) -> Account:
    """Return what kind of account it is; one of which Slack leaves something out is unknown."""
    if user is None:
        return "unknown"
    if user.get("is_stranger") or not is_ours(user, us):
        return "external"
    if user.get("deleted"):
        return "deactivated"
    if user.get("is_bot") or user.get("is_workflow_bot"):
        return "bot"
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "guest"
    return "member" if all(user.get(name) is False for name in TOLD) else "unknown"


def is_group(name: str) -> bool:
    """Whether what decides is a user group, and not one person by id."""
    return USER.fullmatch(name) is None
