"""`finops-bot rules test`: what budgets and rules would have told on past days. Writes nothing, tells nobody."""

import argparse
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.told import Told
from finops.errors import UserError

if TYPE_CHECKING:
    from bot.assemble import Tools
    from finops.guard.watching import Firing
    from jobs.replaying import Replayed

USUALLY: Final = timedelta(days=30)
ROUGHLY: Final = (
    "so many days of so many budgets are forecast by the usual level of each weekday; ask for fewer days to see what would have been told"
)


def rules_arguments(parser: argparse.ArgumentParser, common: Callable[..., None]) -> None:
    """Declare `test`."""
    what = parser.add_subparsers(dest="what", required=True, metavar="test")
    test = what.add_parser("test", help="replay past days and show what would have fired")
    test.add_argument("--from", dest="first", metavar="DAY", help="the first day (default: 30 days before --to)")
    test.add_argument("--to", dest="last", metavar="DAY", help="the last day (default: yesterday)")
    common(test, root=False)


def rules(options: argparse.Namespace, tools: "Tools") -> Told:
    """Replay the asked days. Raises UserError for days that are none."""
    from finops.guard.conditions import unavailable
    from finops.periods import DAY, Period
    from jobs.replaying import are_foreseen, replay

    today = tools.today(tools.moment(options.as_of))
    last = _day(options.last) if options.last else today - DAY
    first = _day(options.first) if options.first else last - USUALLY + DAY
    if last < first:
        raise UserError(f"--to {last} is before --from {first}; turn them round")
    period = Period(first, last + DAY)
    found = list(replay(tools.ledger, tools.rulebook, period))
    thumb = [] if are_foreseen(tools.rulebook, period) else [ROUGHLY]
    notes = [*unavailable(tools.rulebook.rules), *thumb, *_remarks(found)]
    fired = [_fired(day, firing) for day in found for firing in day.fired]
    lines = [line for day in found for line in _lines(day)] or ["Nothing would have fired."]
    head = f"{first} to {last}: {len(fired)} would have fired"
    document = {"from": str(first), "to": str(last), "fired": fired, "changes": [_changes(day) for day in found], "notes": notes}
    return Told((head, "", *lines, *(f"Note: {note}" for note in notes)), document)


def _remarks(found: "list[Replayed]") -> list[str]:
    return list(dict.fromkeys(remark for day in found for remark in day.told))[:10]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"'{text}' is no day; write 2026-11-01") from None


def _lines(day: "Replayed") -> list[str]:
    fired = [f"{day.day}  {one.finding.severity:<8}  {one.finding.title}{_what(one)}" for one in day.fired]
    corrected = [f"{day.day}  corrected  {said}" for said in day.corrected]
    return fired + corrected + [f"{day.day}  over      {watcher}" for watcher in day.over]


def _what(firing: "Firing") -> str:
    told = f" → {', '.join(firing.routes)}" if firing.routes else " → nobody is named"
    asks = f"; would propose {', '.join(step.lever for step in firing.asks)}" if firing.asks else ""
    waits = f"; waits until {firing.due_at:%Y-%m-%d %H:%M}Z" if firing.due_at else ""
    return told + asks + waits


def _fired(day: "Replayed", firing: "Firing") -> dict[str, Any]:
    finding = firing.finding
    return {
        "day": str(day.day),
        "key": finding.key,
        "kind": finding.kind,
        "rule": finding.rule,
        "period": finding.period,
        "severity": finding.severity,
        "title": finding.title,
        "threshold": None if finding.threshold is None else float(finding.threshold),
        "routes": list(firing.routes),
        "would_propose": [step.lever for step in firing.asks],
    }


def _changes(day: "Replayed") -> dict[str, Any]:
    return {"day": str(day.day), "fired": len(day.fired), "corrected": list(day.corrected), "over": list(day.over)}
