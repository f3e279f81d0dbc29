"""What a plan and its state are called in front of people. Pure: text for mrkdwn fields, escaped here."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bot.slack_text import mrkdwn
from finops.configuration.levers import EVERY, LEVERS
from finops.guard.approval_policy import Need
from finops.guard.plans import Plan
from finops.guard.proposals import State
from finops.guard.quorum import USER
from finops.ledger.proposals import Proposal
from finops.money import show, signed
from finops.telling.names import clean, cut

PERSON: Final = re.compile(r"\b[UW][A-Z0-9]{8,}\b")
GROUP: Final = re.compile(r"S[A-Z0-9]{8,}")
GOES_ON: Final = re.compile(r"goes on as P-[1-9][0-9]*")  # the reason that a renewal ends the old one with
MOST_TARGETS: Final = 5
SIGN: Final[Mapping[State, str]] = {
    "pending": ":hourglass_flowing_sand:",
    "approved": ":ballot_box_with_check:",
    "executing": ":gear:",
    "active": ":white_check_mark:",
    "reverting": ":leftwards_arrow_with_hook:",
    "ended": ":checkered_flag:",
    "denied": ":no_entry_sign:",
    "expired": ":alarm_clock:",
    "cancelled": ":wastebasket:",
    "superseded": ":fast_forward:",
    "compensating": ":leftwards_arrow_with_hook:",
    "compensated": ":warning:",
    "failed": ":warning:",
    "compensation_failed": ":rotating_light:",
}
SAID: Final[Mapping[State, str]] = {
    "pending": "Waits for approval",
    "approved": "Approved, about to be carried out",
    "executing": "Being carried out",
    "active": "In force",
    "reverting": "Being put back",
    "ended": "Over; everything is put back",
    "denied": "Denied; nothing was done",
    "expired": "Expired; nothing was done",
    "cancelled": "Taken back; nothing was done",
    "superseded": "Set aside; nothing was done",
    "compensating": "Failed half-way; what was done is being undone",
    "compensated": "Failed half-way; what was done is undone",
    "failed": "Failed; nothing was changed",
    "compensation_failed": "Failed, and could not be put back: somebody has to look",
}
DECIDED: Final[frozenset[State]] = frozenset({"denied", "cancelled", "approved"})


def what(plan: Plan) -> str:
    """Return what would be done, not escaped yet: `Send requests to a cheaper model: premium → cheap`."""
    form = LEVERS.get(plan.lever)
    about = form.about if form else plan.lever
    told = "; ".join(each for name, value in plan.parameters.items() for each in _parameter(name, value))
    return cut(clean(f"{about[:1].upper()}{about[1:]}{f': {told}' if told else ''}"), 400)


def targets(plan: Plan) -> str:
    shown = [mrkdwn(target, 160) for target in plan.targets[:MOST_TARGETS]]
    more = [f"and {len(plan.targets) - MOST_TARGETS} more"] if len(plan.targets) > MOST_TARGETS else []
    return "\n".join([*shown, *more]) or "–"


def saving(plan: Plan) -> str:
    """Return what it is expected to bring, with its range."""
    if plan.saving is None:
        return "nobody can say"
    one = plan.saving
    low, high = show(one.low, one.currency), show(one.high, one.currency)
    return mrkdwn(f"{signed(one.likely, one.currency).removeprefix('+')} an hour (80 %: {low} to {high}), from {one.basis}", 500)


def lasting(plan: Plan) -> str:
    return f"{span(plan.lasts)}, then it ends by itself" if plan.lasts else "until it ends by itself"


def span(time: timedelta) -> str:
    """Tell how long: `45 min`, `24 h`, `3 days`."""
    minutes = round(time.total_seconds() / 60)
    if minutes < 60 or (minutes < 120 and minutes % 60):
        return f"{minutes} min"
    return f"{round(minutes / 60, 1):g} h" if minutes <= 48 * 60 else f"{round(minutes / 1440, 1):g} days"


def how_it_stands(found: Proposal) -> str:
    """Say the state in a sentence: what, until when, by whom, and why."""
    if goes_on(found):
        return f"{state_of(found)}."
    why = f" ({mrkdwn(found.reason.rstrip('.'), 400)})" if found.reason else ""
    return f"{SAID[found.state]}{_until(found)}{_by(found)}{why}."


def state_of(found: Proposal) -> str:
    """Name the state; what was taken over by its renewal was not put back, and does not say so."""
    return f"Over; it {found.reason}" if goes_on(found) else SAID[found.state]


def goes_on(found: Proposal) -> bool:
    return found.state == "ended" and bool(found.reason) and GOES_ON.fullmatch(str(found.reason)) is not None


def at(instant: datetime) -> str:
    """Return a moment that Slack shows in the reader's own time zone."""
    plain = f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    return f"<!date^{int(instant.timestamp())}^{{date_short_pretty}} {{time}}|{plain}>"


def person(name: str) -> str:
    """Mention a person by id; anybody else is named."""
    return f"<@{name}>" if PERSON.fullmatch(name) else mrkdwn(name, 80)


def people_in(text: str) -> str:
    """Escape a sentence of ours, and show the people in it by name."""
    return PERSON.sub(lambda found: f"<@{found[0]}>", mrkdwn(text, 900))


def who_is_needed(needs: Iterable[Need]) -> str:
    """Return `2 of @ml-oncall and 1 of @finance`, so that Slack tells them."""
    return " and ".join(_need(need) for need in needs) or "nobody"


def _need(need: Need) -> str:
    if USER.fullmatch(need.group):
        return person(need.group)
    group = f"<!subteam^{need.group}>" if GROUP.fullmatch(need.group) else f"@{mrkdwn(need.group.removeprefix('@'), 80)}"
    return f"{need.quorum} of {group}"


def _by(found: Proposal) -> str:
    if found.state not in DECIDED or found.decided_by is None or found.decided_at is None:
        return ""
    return f", by {person(found.decided_by)}, {at(found.decided_at)}"


def _until(found: Proposal) -> str:
    until = {"pending": found.expires_at, "approved": found.execute_by, "active": found.ends_at}.get(found.state)
    return f" until {at(until)}" if until and found.state != "approved" else f" by {at(until)} at the latest" if until else ""


def _parameter(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{'every model' if before == EVERY else before} → {after}" for before, after in value.items()]
    return [f"{name.replace('_', ' ')} {value}"]
