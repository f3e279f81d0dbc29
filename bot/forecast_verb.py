"""`/cost forecast …`: what a scope will cost in a period to come, how sure that is, and what its budget says to it."""

from datetime import date
from typing import TYPE_CHECKING, Final

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.errors import QueryError
from finops.language.ahead_words import Ahead, read_ahead
from finops.language.echo import days
from finops.language.question_words import read_question
from finops.language.tokens import Misread
from finops.periods import Period, month_of
from finops.query import CostQuery, unknown_values
from finops.telling.sentences import scope_text

if TYPE_CHECKING:  # numpy is loaded where somebody asks
    from finops.insight.prediction import Prediction

FARTHEST: Final = 400  # days
EXAMPLE: Final = "forecast team=ml next month"
ACCURACY: Final = "accuracy"


def forecast_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """Raises QueryError for a period that is over or too far, and for a scope nothing is known of."""
    first, _, scope = rest.partition(" ")
    if first.lower() == ACCURACY:
        from bot.forecast_accuracy import accuracy_reply

        return accuracy_reply(tools, scope.strip(), asking)
    today = tools.today(asking.until)
    ahead, query = understood(tools, rest, asking)
    return _told(tools, query, _open(ahead, scope_text(query), today), asking)


def _told(tools: Tools, query: CostQuery, period: Period, asking: Asking) -> Reply:
    from finops.insight.prediction import allowance
    from finops.ledger.predicting import predict
    from finops.telling.forecast_shown import course, document, grid
    from finops.telling.forecast_words import explained, freshness, sentence

    found = predict(tools.ledger, tools.rulebook, query.scope, period, asking.until, query.by, currency=query.currency, metric=query.metric)
    if found.whole.total is None:
        raise QueryError(_nothing(tools, query, found), suggestion="sources" if found.as_of is None else EXAMPLE)
    scope = scope_text(query)
    who, allowed = scope or "Everything", allowance(tools.rulebook.budgets, query.scope, found.whole)
    notes = explained(found)
    lines = (sentence(found, who, allowed), *notes, freshness(found))
    return TextReply(
        f"Forecast {scope} {days(period)}".replace("  ", " "),
        lines,
        document(found, scope, allowed, notes),
        grid=grid(found, who, query.top),
        drawing=course(found, who, allowed),
    )


def understood(tools: Tools, text: str, asking: Asking) -> tuple[Ahead, CostQuery]:
    """Read the period to come out of a question, and the rest of it as any question is read."""
    from bot.commands import read  # it knows this verb

    try:
        ahead = read_ahead(text, tools.today(asking.until))
        asked = read_question(ahead.rest, tools.today(asking.until), {})
    except Misread:
        asked = None
        ahead = _ahead(text, tools.today(asking.until))
    if asked and asked.period:
        raise QueryError(
            "a forecast looks ahead; name a period to come, such as next month, or leave it out for this month", suggestion=EXAMPLE
        )
    if asked and asked.compared:
        raise QueryError("a forecast is compared with nothing; leave out what follows 'vs'", suggestion=EXAMPLE)
    try:
        return ahead, read(tools, ahead.rest, asking.until)
    except QueryError as wrong:
        better = tuple(f"forecast {each} {ahead.words}".strip() for each in wrong.did_you_mean)
        raise QueryError(str(wrong), suggestion=EXAMPLE, did_you_mean=better) from None


def _ahead(text: str, today: date) -> Ahead:
    try:
        return read_ahead(text, today)
    except Misread as wrong:
        raise QueryError(wrong.message, suggestion=EXAMPLE) from None


def _open(ahead: Ahead, scope: str, today: date) -> Period:
    """This month where none is named. A period that is over is a question about cost."""
    period = ahead.period or month_of(today)
    if period.end <= today:
        instead = f"{scope} {ahead.words}".strip()
        raise QueryError(f"{days(period)} is over; ask what it cost: {instead}", suggestion=instead, did_you_mean=(instead,))
    if (period.end - today).days > FARTHEST:
        raise QueryError(
            f"{days(period)} ends more than {FARTHEST} days from now, which nobody can predict; ask for a nearer period", suggestion=EXAMPLE
        )
    return period


def _nothing(tools: Tools, query: CostQuery, found: "Prediction") -> str:
    from bot.commands import KnownValues

    if found.as_of is None:
        return "the ledger holds no charges that a forecast could be made of; load a bill with finops-bot ingest"
    unknown = unknown_values(query, KnownValues(tools))
    why = f"; there is {unknown[0]}" if unknown else ""
    return f"nothing is known of {scope_text(query) or 'any charge'}, so nothing can be predicted{why}"
