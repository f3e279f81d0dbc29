"""Acknowledge and Snooze under an alert: any full member may, since both only say that somebody looks at it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from bot.assemble import Tools
from bot.clicks import Click
from bot.deciding import NOT_OURS, Done
from bot.decision_forms import HOW_LONG, REASON, SPANS, written
from bot.groups import Groups
from finops.errors import UserError
from finops.guard.approvals import NOT_A_MEMBER
from finops.ledger.alerts import Change, acknowledge, snooze

ALERT: Final = re.compile(r"A-[1-9][0-9]{0,8}")


class Alerts:
    """What a click on an alert does."""

    def __init__(self, tools: Tools, groups: Groups) -> None:
        self._tools, self._groups = tools, groups

    def acknowledge(self, click: Click, request: str) -> Done:
        return self._done(acknowledge(self._tools.ledger.engine, self._checked(click), click.user, self._tools.now()))

    def snooze(self, click: Click, request: str, view: Mapping[str, Any]) -> Done:
        now = self._tools.now()
        until = now + SPANS[written(view, HOW_LONG)]
        return self._done(snooze(self._tools.ledger.engine, self._checked(click), click.user, now, written(view, REASON), until))

    def _done(self, change: Change) -> Done:
        return Done(change.said, is_refused=not change.happened)

    def _checked(self, click: Click) -> str:
        """Return the alert's id. Raises UserError for whoever is no full member, where outsiders read along, and for what is no alert."""
        account = self._groups.clicker(click.user, ()).voter.account
        outsiders = self._groups.outsiders(click.place.channel) if click.place else None
        if account != "member" or outsiders:
            raise UserError(outsiders or NOT_A_MEMBER[account])
        if not ALERT.fullmatch(click.value):
            raise UserError(NOT_OURS)
        return click.value
