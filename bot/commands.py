"""The verbs of `/cost`, the same in Slack and in the terminal: parse, ask, and say it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bot.assemble import Tools
from bot.audit_verb import audit_verb
from bot.budgets_verb import alerts_verb, budgets_verb
from bot.capacity import capacity_verb, kubernetes_verb
from bot.forecast_verb import forecast_verb
from bot.messages_verb import messages_verb
from bot.proposals_verb import proposals_verb
from bot.reconcile_verb import reconcile_verb
from bot.replies import Asking, CostReply, Reply, TextReply
from bot.unit_verb import unit_verb
from finops.charges import DIMENSIONS
from finops.errors import QueryError, close_to, meant
from finops.language.query_help import HELP, help_text
from finops.language.query_json import to_json
from finops.query import CostQuery, parse, spelled, unknown_sentences
from finops.telling.answer_json import moment

SUGGESTED: Final = ("team", "project", "env", "provider", "service", "model", "feature")  # bare words are looked up under these


@dataclass(frozen=True)
class Verb:
    """A word after `/cost` that is not a question about cost."""

    name: str
    about: str
    run: Callable[[Tools, str, Asking], Reply]


def reply(tools: Tools, text: str, asking: Asking) -> Reply:
    """Answer the words after `/cost`. Raises UserError in one sentence that says what would work."""
    tools.refresh()
    first, _, rest = text.strip().partition(" ")
    verb = VERBS.get(first.lower())
    if verb is not None:
        return verb.run(tools, rest.strip(), asking)
    return ask(tools, read(tools, text, asking.until), asking)


def read(tools: Tools, text: str, until: datetime) -> CostQuery:
    """Parse a question; where that fails, look what its words are in the ledger, so that the error can say what was meant."""
    today = tools.today(until)
    try:
        return parse(text, today)
    except QueryError:
        try:
            return parse(text, today, values=KnownValues(tools))
        except QueryError as problem:
            raise _misspelled(text, problem) from problem


def _misspelled(text: str, problem: QueryError) -> QueryError:
    """Return the error for a verb that was misspelled; the same error where it is none."""
    first, _, rest = text.strip().partition(" ")
    near = [f"{verb} {rest}".strip() for verb in close_to(first, VERBS)]
    if not near or not str(problem).startswith(f"'{first}' is not a word"):
        return problem
    return QueryError(f"'{first[:40]}' is not a word of a question.{meant(first, VERBS)}", suggestion=near[0], did_you_mean=tuple(near))


def ask(tools: Tools, query: CostQuery, asking: Asking) -> CostReply:
    """Answer a question that is already understood, and remember it under its id."""
    answer = tools.ledger.answer(query, asking.until, parts=asking.chart, known_at=asking.known_at)
    if not answer.sums:
        known = KnownValues(tools)
        if (meant := spelled(query, known)) != query:
            return ask(tools, meant, asking)
        answer = replace(answer, notes=(*answer.notes, *unknown_sentences(query, known)))
    if tools.config_problem:
        answer = replace(answer, notes=(*answer.notes, tools.config_problem))
    tools.ledger.remember(answer, to_json(query), asking.asked_by, tools.now(), asking.until)
    return CostReply(answer, tools.today(asking.until))


class KnownValues(Mapping[str, list[str]]):
    """What the ledger holds under the dimensions people abbreviate; read when looked at, for errors only."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._found: dict[str, list[str]] = {}

    def __getitem__(self, name: str) -> list[str]:
        if name not in DIMENSIONS:
            raise KeyError(name)
        if name not in self._found:
            self._found[name] = self._tools.ledger.values(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(SUGGESTED)

    def __len__(self) -> int:
        return len(SUGGESTED)


def _help(tools: Tools, rest: str, asking: Asking) -> Reply:
    examples = [example.text for example in HELP]
    lines = (*help_text().splitlines(), "", *(f"{verb.name}: {verb.about}" for verb in VERBS.values()))
    found = {"error": None, "suggestion": examples[0], "did_you_mean": examples, "help": "\n".join(lines)}
    return TextReply("How to ask", lines, found, is_help=True)


def _sources(tools: Tools, rest: str, asking: Asking) -> Reply:
    found = tools.ledger.sources(asking.until)
    lines = [
        f"{one.source}: delivered {one.delivered_at:%Y-%m-%d %H:%M}Z, reaches {one.last_day}, complete before {one.complete_until}"
        for one in found
    ]
    told = [
        {
            "source": one.source,
            "delivered_at": moment(one.delivered_at),
            "last_day": str(one.last_day),
            "complete_before": str(one.complete_until),
        }
        for one in found
    ]
    return TextReply("Bills in the ledger", tuple(lines) or ("No bill is loaded yet.",), {"sources": told})


def _loads(tools: Tools, rest: str, asking: Asking) -> Reply:
    from finops.ledger.catalog import past_loads

    found = past_loads(tools.ledger.engine, *(rest.split(" ")[:2] if rest else ()))
    lines = [_load_line(load) for load in found]
    told = [
        {
            "source": load.source,
            "period": load.period,
            "delivered_at": moment(load.delivered_at),
            "recorded_at": moment(load.recorded_at),
            "status": load.status,
            "reason": load.reason,
            "live": load.is_live,
            "rows": load.rows,
            "effective_cost": {currency: str(amount) for currency, amount in load.effective.items()},
            "bad_rows": load.bad_rows,
        }
        for load in found
    ]
    return TextReply("Deliveries", tuple(lines) or ("Nothing was delivered yet.",), {"loads": told})


def _load_line(load: Any) -> str:
    money = ", ".join(f"{amount:.2f} {currency}" for currency, amount in sorted(load.effective.items()))
    state = load.status + (" (live)" if load.is_live else "") + (f": {load.reason}" if load.reason else "")
    return f"{load.source} {load.period}: delivered {load.delivered_at:%Y-%m-%d %H:%M}Z, {load.rows} rows, {money or '–'}, {state}"


def _why(tools: Tools, rest: str, asking: Asking) -> Reply:
    from bot.why_verb import why_verb

    return why_verb(tools, rest, asking, KnownValues(tools))


def _anomalies(tools: Tools, rest: str, asking: Asking) -> Reply:
    from bot.anomalies_verb import anomalies_verb

    return anomalies_verb(tools, rest, asking, KnownValues(tools))


def _jobs(tools: Tools, rest: str, asking: Asking) -> Reply:
    from bot.jobs_verb import jobs_page

    return jobs_page(tools, rest.strip(), asking.until)


VERBS: Final[dict[str, Verb]] = {
    verb.name: verb
    for verb in (
        Verb("help", "this page", _help),
        Verb("sources", "which bills are loaded, and how far they reach", _sources),
        Verb("loads", "every delivery: what changed, and when; loads SOURCE 2026-03 for one bill", _loads),
        Verb("unit", "unit costs: unit team=ml last 7d by=model; per=METRIC divides by orders, tickets …", unit_verb),
        Verb("capacity", "GPUs and what else was sampled: capacity last 7d", capacity_verb),
        Verb("kubernetes", "what nodes and pods cost, and what is idle: kubernetes last 7d", kubernetes_verb),
        Verb("reconcile", "estimates beside bills, and why they differ: reconcile provider=Anthropic last 30d", reconcile_verb),
        Verb("forecast", "what it will cost: forecast team=ml next month by=service; forecast accuracy for how that went", forecast_verb),
        Verb("anomalies", "what is not as usual: anomalies team=ml last 30d; anomalies A-… tells one in full", _anomalies),
        Verb("budgets", "where every budget stands: spent, how fast, where that leads; budgets NAME for one", budgets_verb),
        Verb("alerts", "what is open, and since when; alerts all for those that are over too", alerts_verb),
        Verb("jobs", "what runs by the clock, when it ran and how it went; jobs NAME for its history", _jobs),
        Verb("messages", "what could not be told, and why; admins have it tried again", messages_verb),
        Verb("proposals", "what waits for a decision, and what is in force", proposals_verb),
        Verb("audit", "who proposed, approved, refused and moved what: audit P-12", audit_verb),
        Verb("why", "why a cost changed: why team=ml last 7d; why A-… for an anomaly; why Q-… replays an answer", _why),
    )
}
