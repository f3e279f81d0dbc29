"""What is said of an anomaly by a click: any full member may, since it only says who looks at it and what was planned."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from re import compile as pattern
from typing import Any, Final

from bot.assemble import Tools
from bot.clicks import Click, kept_of
from bot.deciding import NOT_OURS, Done
from bot.decision_forms import REASON, form_of, reason_field, written
from bot.groups import Groups
from bot.slack_text import Block, mrkdwn, section
from finops.errors import UserError
from finops.guard.approvals import NOT_A_MEMBER
from finops.insight.anomalies_feedback import Pattern
from finops.insight.anomalies_states import NEXT
from finops.ledger.anomalies import Change, acknowledge, anomaly, expect, investigate, not_useful
from finops.ledger.anomaly_rows import Stored
from finops.ledger.audit import Stamp
from finops.ledger.loads import record
from finops.ledger.spotting import today_of
from finops.ledger.state import writing
from finops.periods import DAY
from finops.telling.anomaly_words import sentence

ANOMALY: Final = pattern(r"A-[0-9a-f]{10}")
AGAIN: Final = "again"
UNTIL: Final = "until"
PATTERNS: Final[Mapping[str, Pattern]] = {
    "Only this once": "once",
    "Until the day below": "until",
    "On this weekday every week": "weekday",
    "On this day every month": "day of month",
}


class Anomalies:
    """What a click on an anomaly does."""

    def __init__(self, tools: Tools, groups: Groups) -> None:
        self._tools, self._groups = tools, groups

    def acknowledge(self, click: Click, request: str) -> Done:
        return self._moved(click, request, lambda one, now, today: acknowledge(self._engine, one, click.user, now, today))

    def useless(self, click: Click, request: str) -> Done:
        return self._moved(click, request, lambda one, now, today: not_useful(self._engine, one, click.user, now, today))

    def investigate(self, click: Click, request: str) -> Done:
        return self._moved(click, request, lambda one, now, _: investigate(self._engine, one, click.user, now))

    def expect(self, click: Click, request: str, view: Mapping[str, Any]) -> Done:
        again, until = PATTERNS[written(view, AGAIN)], _until(view)
        why = written(view, REASON)
        return self._moved(
            click,
            request,
            lambda one, now, today: expect(self._engine, one, click.user, now, today, why, again, until if again == "until" else None),
        )

    def wants_form(self, click: Click, request: str) -> Done | Stored:
        """Return the anomaly to open the form for, or why there is none."""
        if why := self._barred(click):
            return self._refuse(click, why, request)
        found = self._found(click)
        if found is None:
            return self._refuse(click, NOT_OURS, request)
        if (found.case.state, "expect") not in NEXT:
            return self._refuse(click, f"{found.id} is {found.case.state}; your click changed nothing", request)
        return found

    def form(self, click: Click, found: Stored) -> Block:
        return expected_form(click, found, self._today())

    def wrong_in(self, view: Mapping[str, Any]) -> dict[str, str]:
        """Say what is still wrong with the form, by field."""
        again, until = PATTERNS.get(written(view, AGAIN)), _until(view)
        if again is None:
            return {AGAIN: "Please choose when the like is expected."}
        if again == "until" and until is None:
            return {UNTIL: "Please choose the last day on which it is expected."}
        if again == "until" and until is not None and until <= self._today():
            return {UNTIL: "That day is over; choose today or a later one."}
        return {}

    def _moved(self, click: Click, request: str, move: Callable[[str, datetime, date], Change]) -> Done:
        if why := self._barred(click):
            return self._refuse(click, why, request)
        found = self._found(click)
        if found is None:
            return self._refuse(click, NOT_OURS, request)
        change = move(found.id, self._tools.now(), self._today())
        return Done(change.said, anomaly=change.anomaly) if change.happened else self._refuse(click, change.said, request)

    def _barred(self, click: Click) -> str | None:
        """Say why this person may not: whoever is no full member, and everybody where outsiders read along."""
        account = self._groups.clicker(click.user, ()).voter.account
        if account != "member":
            return NOT_A_MEMBER[account]
        return self._groups.outsiders(click.place.channel) if click.place else None

    def _found(self, click: Click) -> Stored | None:
        try:
            return anomaly(self._engine, click.value) if ANOMALY.fullmatch(click.value) else None
        except UserError:
            return None

    def _refuse(self, click: Click, why: str, request: str) -> Done:
        """Put a click on record that changed nothing."""
        found = self._found(click)
        detail = {"asked": click.action.rpartition(".")[2][:40], "value": click.value[:100]}
        thing = found.id if found else click.value[:40] or "no anomaly"
        with writing(self._engine) as tx:
            record(tx, self._tools.now(), click.user, "anomaly.refused", thing, detail, Stamp("click", reason=why, request=request))
        return Done(why, is_refused=True, anomaly=found)

    def _today(self) -> date:
        return today_of(self._tools.ledger, self._tools.now())

    @property
    def _engine(self) -> Any:
        return self._tools.ledger.engine


def expected_form(click: Click, found: Stored, today: date) -> Block:
    """Asks why it was to be expected, and when the like will be."""
    options = [{"text": {"type": "plain_text", "text": name}, "value": name} for name in PATTERNS]
    menu = {"type": "static_select", "action_id": AGAIN, "options": options, "initial_option": options[0]}
    last = {"type": "datepicker", "action_id": UNTIL, "initial_date": (today + DAY * 7).isoformat()}
    blocks = [
        section(f"*{mrkdwn(sentence(found.case.anomaly, today), 700)}*\nThe like is not told while it is expected.", "about"),
        reason_field("What was planned?"),
        {"type": "input", "block_id": AGAIN, "label": {"type": "plain_text", "text": "When is it expected?"}, "element": menu},
        {"type": "input", "block_id": UNTIL, "label": {"type": "plain_text", "text": "Its last day"}, "element": last, "optional": True},
    ]
    return form_of("anomaly.expect", f"{found.id} is expected", "Expected", blocks, kept_of(click))


def _until(view: Mapping[str, Any]) -> date | None:
    """Return the day after the last one that was chosen."""
    try:
        return date.fromisoformat(written(view, UNTIL)) + DAY
    except (ValueError, OverflowError):
        return None
