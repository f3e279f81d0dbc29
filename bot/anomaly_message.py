"""An anomaly as everybody sees it: laid out from the record each time it is shown, with its course and its drivers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from bot.assemble import Tools
from bot.charts_native import MOST_CATEGORIES, grid_block
from bot.pages import lines_message
from bot.proposal_words import at, person
from bot.references import NOWHERE, References
from bot.replies import Asking
from bot.slack_text import Block, context, mrkdwn, plain, section
from finops.errors import FinopsError
from finops.insight.anomalies_events import Severity
from finops.insight.anomalies_states import State
from finops.insight.drivers_told import EVERYTHING
from finops.ledger.anomalies import anomaly, listed_with
from finops.ledger.anomaly_rows import Stored
from finops.money import signed
from finops.periods import DAY
from finops.telling.anomaly_words import SIGNS, instead, money, scope_words, sentence
from finops.telling.grids import Grid, change_cell, name_cell
from finops.telling.names import clean, cut
from jobs.routes import Content

TEXT: Final = 3000
LISTED: Final = 5
SAID: Final[Mapping[State, str]] = {
    "open": "Nobody has acknowledged it yet",
    "growing": "It is growing, and nobody has acknowledged that",
    "acknowledged": "Acknowledged",
    "expected": "Expected",
    "resolved": "Over",
}
BUTTONS: Final[Mapping[State, tuple[str, ...]]] = {
    "open": ("anomaly.ack", "anomaly.expect", "anomaly.useless", "anomaly.investigate"),
    "growing": ("anomaly.ack", "anomaly.expect", "anomaly.useless", "anomaly.investigate"),
    "acknowledged": ("anomaly.expect", "anomaly.useless", "anomaly.investigate"),
    "expected": ("anomaly.useless", "anomaly.investigate"),
    "resolved": ("anomaly.useless", "anomaly.investigate"),
}
LABELS: Final = {
    "anomaly.ack": "Acknowledge",
    "anomaly.expect": "Expected …",
    "anomaly.useless": "Not useful",
    "anomaly.investigate": "Investigate",
}
GRAVE: Final[Mapping[Severity, str]] = {"high": "critical", "medium": "warning", "low": "info"}
NOT_USEFUL: Final = "Not useful."


def render(tools: Tools, identity: str, refer: References = NOWHERE) -> Content:
    """Show an anomaly as it stands at this moment: the renderer `anomaly` of the outbox."""
    engine = tools.ledger.engine
    return content(anomaly(engine, identity), listed_with(engine, identity), tools.today(tools.now()))


def render_why(tools: Tools, identity: str, refer: References = NOWHERE) -> Content:
    """Explain an anomaly, for its thread: the renderer `anomaly_why` of the outbox."""
    from bot.why_verb import told

    try:
        said = told(tools, anomaly(tools.ledger.engine, identity).case.anomaly, Asking("investigate", tools.now(), chart=True))
    except FinopsError as problem:
        return Content(f"{identity} cannot be explained: {mrkdwn(str(problem), 600)}")
    message = lines_message(said.title, said.lines, grids=said.grids())
    blocks = [{**block, "block_id": f"{identity}.why.{block['block_id']}"} for block in message.blocks]
    text = cut("\n".join((mrkdwn(said.title, 200), *(mrkdwn(line, 600) for line in said.lines))), TEXT)
    return Content(text, blocks, drawing=said.drawing)


def content(found: Stored, listed: Sequence[Stored], today: date) -> Content:
    """Lay an anomaly out: the sentence, its course, what drives it, where else it is seen, how it stands, what can be said."""
    seen, key = found.case.anomaly, f"{found.id}.{found.version}"
    headline = f"{SIGNS[seen.severity]} {found.id}: {mrkdwn(_sentence(found, today, listed), 800)}"
    blocks: list[Block] = [section(f"*{headline}*", f"{key}.what")]
    blocks += _chart(found, key)
    blocks += _drivers(found, key)
    if listed:
        blocks.append(section(_also(listed), f"{key}.also"))
    blocks.append(section(_standing(found), f"{key}.state"))
    blocks.append(context([_small_print(found)], f"{key}.context"))
    blocks.append(_buttons(found, key))
    return Content(cut(f"{headline} {_plain_standing(found)}.", TEXT), blocks, _event(found, today))


def _sentence(found: Stored, today: date, listed: Sequence[Stored]) -> str:
    """The drivers as they were found when it was last looked at."""
    seen = found.case.anomaly
    own = {f"{name}={value}" for name, value in seen.key}
    same = (one for one in found.shown.get("drivers", ()) if float(one["excess"]) * seen.excess > 0)
    told = next((one["text"] for one in same if not set(one["text"].split(" AND ")) <= {*own, "everything"}), None)
    mostly = f", mostly {clean(told)}" if told else ""
    return f"{sentence(seen, today)[:-1]}{mostly}{instead(seen, [one.case.anomaly for one in listed])}."


def _chart(found: Stored, key: str) -> list[Block]:
    """The newest steps Slack can draw, without those of which nothing is known: it would show them as nothing."""
    course = found.shown.get("course")
    if not course:
        return []
    every = list(zip(course["steps"], course["actual"], course["expected"], range(len(course["steps"])), strict=True))
    known = [step for step in every if step[1] is not None and step[2] is not None][-MOST_CATEGORIES:]
    if len(known) < 2:
        return []
    names = [_step_name(step[0], course["first"] <= step[3] <= course["last"]) for step in known]
    series = [
        {"name": name, "data": [{"label": label, "value": round(step[place], 2)} for label, step in zip(names, known, strict=True)]}
        for place, name in ((1, "actual"), (2, "expected"))
    ]
    axes = {"categories": names, "y_label": plain(f"cost, {found.case.anomaly.currency}", 50)}
    title = plain(cut(scope_words(found.case.anomaly.key), 50), 50)
    drawn = {"type": "line", "series": series, "axis_config": axes}
    return [{"type": "data_visualization", "block_id": f"{key}.chart", "title": title, "chart": drawn}]


def _step_name(step: str, marked: bool) -> str:
    """A day or an hour; the steps of the anomaly carry a mark."""
    when = datetime.fromisoformat(step)
    name = f"{when:%d %b %H:%M}" if "T" in step else f"{when.day} {when:%b}"
    return f"{name} !" if marked else name


def _drivers(found: Stored, key: str) -> list[Block]:
    currency = found.case.anomaly.currency
    drivers = [one for one in found.shown.get("drivers") or () if one["text"] != EVERYTHING]
    rows = tuple(
        (name_cell(clean(one["text"]), 80), change_cell(Decimal(one["excess"]).quantize(Decimal("0.01")), currency)) for one in drivers
    )
    return [grid_block(Grid("What drives it", ("driver", "excess"), rows), f"{key}.drivers")] if rows else []


def _also(listed: Sequence[Stored]) -> str:
    parts = [f"{mrkdwn(scope_words(one.case.anomaly.key), 100)} ({_excess(one)})" for one in listed[:LISTED]]
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return f"The same cause is seen in {', '.join(parts)}{more}."


def _excess(one: Stored) -> str:
    return signed(money(one.case.anomaly.excess), one.case.anomaly.currency)


def _standing(found: Stored) -> str:
    reason = f"\n{mrkdwn(found.case.reason, 500)}" if found.case.reason and found.case.reason != NOT_USEFUL else ""
    return f"*{_plain_standing(found)}*{reason}"


def _plain_standing(found: Stored) -> str:
    said = "Not useful; the like is not told again there" if found.case.reason == NOT_USEFUL else SAID[found.case.state]
    if found.case.state == "expected" and found.until:
        said += f" until {found.until - DAY}"
    by_somebody = found.changed_by != "spot-anomalies" and found.case.state not in ("open", "growing")
    return f"{said} by {person(found.changed_by)}" if by_somebody else said


def _small_print(found: Stored) -> str:
    seen = found.case.anomaly
    told = [f"{seen.severity} severity", f"by the {seen.step}", f"found {at(found.opened_at)}"]
    as_of = found.shown.get("as_of")
    return " · ".join([*told, *([f"data as of {at(datetime.fromisoformat(as_of))}"] if as_of else [])])


def _buttons(found: Stored, key: str) -> Block:
    elements = [
        {
            "type": "button",
            "action_id": action,
            "value": found.id,
            "text": {"type": "plain_text", "text": LABELS[action]},
            "accessibility_label": f"{LABELS[action]} {found.id}",
        }
        for action in BUTTONS[found.case.state]
    ]
    return {"type": "actions", "block_id": f"{key}.actions", "elements": elements}


def _event(found: Stored, today: date) -> dict[str, Any]:
    """Return the same for machines."""
    seen = found.case.anomaly
    details = {"anomaly": found.id, "state": found.case.state, "kind": seen.kind, "scope": dict(seen.key), "excess": round(seen.excess, 2)}
    action = "trigger" if found.case.state in ("open", "growing") else "resolve" if found.case.state == "resolved" else "acknowledge"
    return {
        "action": action,
        "severity": GRAVE[seen.severity],
        "dedup_key": f"finops-bot:anomaly:{found.id}",
        "summary": sentence(seen, today),
        "details": details,
        "links": [],
    }
