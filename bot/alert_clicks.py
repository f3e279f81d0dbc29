"""Acknowledge and Snooze under an alert: any full member may, since both only say that somebody looks at it."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from bot.assemble import Tools
from bot.clicks import Click
from bot.deciding import NOT_OURS, Done
from bot.decision_forms import HOW_LONG, REASON, SPANS, written
from bot.groups import Groups
from finops.errors import UserError
from finops.guard.alert_states import NEXT
from finops.guard.approvals import NOT_A_MEMBER
from finops.ledger.alert_rows import Alert
from finops.ledger.alerts import Change, acknowledge, alert, snooze
from finops.ledger.audit import Stamp
from finops.ledger.loads import record
from finops.ledger.state import writing

ALERT: Final = re.compile(r"A-[1-9][0-9]{0,8}")


class Alerts:
    """What a click on an alert does."""

    def __init__(self, tools: Tools, groups: Groups) -> None:
        self._tools, self._groups = tools, groups

    def acknowledge(self, click: Click, request: str) -> Done:
        return self._moved(click, request, lambda identity, now: acknowledge(self._tools.ledger.engine, identity, click.user, now))

    def snooze(self, click: Click, request: str, view: Mapping[str, Any]) -> Done:
        span, why = SPANS[written(view, HOW_LONG)], written(view, REASON)
        return self._moved(
            click, request, lambda identity, now: snooze(self._tools.ledger.engine, identity, click.user, now, why, now + span)
        )

    def wants_form(self, click: Click, request: str) -> Done | None:
        """Return why no form is to be opened for this click; None where one is."""
        if why := self._barred(click):
            return self._refuse(click, why, request)
        found = self._found(click)
        if found is not None and (found.state, "snooze") in NEXT:
            return None
        return self._refuse(click, self._late(found) if found else NOT_OURS, request)

    def _moved(self, click: Click, request: str, move: Callable[[str, datetime], Change]) -> Done:
        if why := self._barred(click):
            return self._refuse(click, why, request)
        found = self._found(click)
        if found is None:
            return self._refuse(click, NOT_OURS, request)
        change = move(found.id, self._tools.now())
        return Done(change.said, alert=change.alert) if change.happened else self._refuse(click, change.said, request)

    def _barred(self, click: Click) -> str | None:
        """Say why this person may not: whoever is no full member, and everybody where outsiders read along."""
        account = self._groups.clicker(click.user, ()).voter.account
        if account != "member":
            return NOT_A_MEMBER[account]
        return self._groups.outsiders(click.place.channel) if click.place else None

    def _found(self, click: Click) -> Alert | None:
        try:
            return alert(self._tools.ledger.engine, click.value) if ALERT.fullmatch(click.value) else None
        except UserError:
            return None

    def _late(self, found: Alert) -> str:
        return f"{found.id} is {found.state}; your click changed nothing"

    def _refuse(self, click: Click, why: str, request: str) -> Done:
        """Put a click on record that changed nothing."""
        found = self._found(click)
        detail = {"asked": click.action.rpartition(".")[2][:40], "value": click.value[:100]}
        with writing(self._tools.ledger.engine) as tx:
            thing = found.id if found else click.value[:40] or "no alert"
            record(tx, self._tools.now(), click.user, "alert.refused", thing, detail, Stamp("click", reason=why, request=request))
        return Done(why, is_refused=True, alert=found)
