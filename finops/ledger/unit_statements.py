"""What was used, as statements: requests, tokens and their list cost, and charges by kind of token."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    String,
    and_,
    case,
    cast,
    distinct,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from finops.charges import COLUMNS, METRICS, Metric
from finops.ledger.statements import Asked, charges, converted, currency_of, scope_of, shown, within
from finops.periods import Period

MEASURED: Final = (
    *("x_Requests", "x_InputTokens", "x_OutputTokens", "x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens"),
    *("x_ReasoningTokens", "x_InputCost", "x_CacheReadCost", "x_CacheWriteCost", "x_OutputCost"),
)

PEOPLE: Final = ("x_User", "x_Session")


def unit_sums(
    asked: Asked, period: Period, by: Sequence[str], source: FromClause = charges, *, people: bool = False, apart: bool = False
) -> Select[Any]:
    """(currency, k0…, the sums of MEASURED…, unpriced, users, sessions) of one period, from usage alone.

    The last two are counted only for `people`. `apart`: each request comes once for every kind of its tokens, and counts once.
    """
    used = _used(asked, period, by, source)
    rows = (_once(used) if apart else used).subquery("used")
    keys = [column for column in rows.c if column.name == "currency" or column.name.startswith("k")]
    counted = [func.count(distinct(rows.c[name])) if people else cast(null(), BigInteger()) for name in PEOPLE]
    return select(*keys, *(func.sum(rows.c[name]).label(name) for name in (*MEASURED, "unpriced")), *counted).group_by(*keys)


def _used(asked: Asked, period: Period, by: Sequence[str], source: FromClause) -> Select[Any]:
    keys = [shown(name, source).label(f"k{number}") for number, name in enumerate(by)]
    costs = [converted(asked, source, source.c[name]).label(name) for name in MEASURED[7:]]
    unpriced = case((source.c["EffectiveCost"].is_(None), source.c["x_Requests"]), else_=0).label("unpriced")
    told = [source.c[name] for name in ("x_RequestId", *PEOPLE, *MEASURED[:7])]
    inside = (within(period, source.c["x_ChargeDay"]), *scope_of(asked, source), source.c["x_Requests"].is_not(None))
    return select(currency_of(asked, source).label("currency"), *keys, *told, *costs, unpriced).where(*inside)


def _once(used: Select[Any]) -> Select[Any]:
    """One row for each request of a group again, whatever kinds of its tokens there are."""
    rows = used.subquery("kinds")
    summed = {name: func.sum(rows.c[name]) for name in MEASURED[1:]} | {"x_Requests": func.max(rows.c["x_Requests"])}
    summed |= {name: func.max(rows.c[name]) for name in (*PEOPLE, "unpriced")}
    keys = [column for column in rows.c if column.name not in summed]
    return select(*keys, *(value.label(name) for name, value in summed.items())).group_by(*keys)


def unpriced_models(asked: Asked, source: FromClause = charges, most: int = 5) -> Select[Any]:
    """(model, requests): of which models there were requests without a price, the most used first."""
    requests = func.sum(source.c["x_Requests"])
    inside = (within(asked.query.period, source.c["x_ChargeDay"]), *scope_of(asked, source), source.c["x_Requests"].is_not(None))
    model = source.c["x_Model"]
    return select(model, requests).where(*inside, source.c["EffectiveCost"].is_(None)).group_by(model).order_by(requests.desc()).limit(most)


def bill_units(asked: Asked, period: Period, by: Sequence[str], source: FromClause = charges) -> Select[Any]:
    """(currency, k0…, provider, cost, requests, tokens, output tokens) as bills count them, where no usage was measured."""
    keys = [shown(name, source).label(f"k{number}") for number, name in enumerate(by)]
    unit = func.lower(source.c["ConsumedUnit"])
    tokens = [(unit == name, source.c["ConsumedQuantity"] * many) for name, many in TOKEN_UNITS.items()]
    is_output = source.c["x_TokenType"].in_(("output", "reasoning"))
    sums = [
        func.sum(func.abs(source.c[METRICS[asked.query.metric]])),
        func.sum(case((unit == "requests", source.c["ConsumedQuantity"]))),
        func.sum(case(*tokens)),
        func.sum(case(*((and_(test, is_output), amount) for test, amount in tokens))),
    ]
    named, provider = currency_of(asked, source).label("currency"), source.c["ProviderName"]
    inside = (within(period, source.c["x_ChargeDay"]), *scope_of(asked, source))
    also = keys if asked.only_currency else [named, *keys]
    return select(named, *keys, provider, *sums).where(*inside).group_by(*also, provider)


TOKEN_UNITS: Final[dict[str, int]] = {
    "tokens": 1,
    "1k tokens": 1000,
    "1000 tokens": 1000,
    "1m tokens": 1_000_000,
    "1000000 tokens": 1_000_000,
}

# Kind of token → (its count, its cost). A request has all of them in one row; asked by kind it becomes a row for each.
TOKEN_KINDS: Final = ("input", "cache_read", "cache_write", "output")
PRICED: Final = ("BilledCost", "EffectiveCost", "ContractedCost")  # one figure of a request, known by kind; its list cost is not
MONEY_TYPE: Final = Numeric(38, 10)


def by_token_type(metric: Metric, source: FromClause = charges) -> FromClause:
    """The same charges with a row for each kind of token of a request, so that they can be asked by token type.

    What belongs to no kind is a row without one: a price for the request as such, or a cost that is not known apart.
    """
    others = select(*(source.c[name] for name in COLUMNS)).where(source.c["x_Requests"].is_(None))
    kinds = [_one_kind(kind, metric, source) for kind in TOKEN_KINDS]
    return union_all(others, *kinds, _no_kind(metric, source)).subquery("charges_by_token_type")


def _one_kind(kind: str, metric: Metric, source: FromClause) -> Select[Any]:
    tokens, cost = _of_kind(kind, source)
    counts: dict[str, ColumnElement[Any]] = {"x_OutputTokens": tokens} if kind == "output" else {"x_InputTokens": tokens}
    counts |= {"x_CacheReadTokens": tokens} if kind == "cache_read" else {}
    written = ("x_CacheWrite5mTokens", "x_CacheWrite1hTokens") if kind == "cache_write" else ()
    counts |= {name: source.c[name] for name in written}
    counts |= {"x_ReasoningTokens": source.c["x_ReasoningTokens"]} if kind == "output" else {}
    money: dict[str, ColumnElement[Any]] = dict.fromkeys(PRICED, cost) | {_cost_of(kind): cost}
    name = _written(source) if written else literal(kind, String())
    told: dict[str, ColumnElement[Any]] = {"x_TokenType": name, "ConsumedQuantity": cast(tokens, MONEY_TYPE)}
    return _instead(counts | money | told, source).where(source.c["x_Requests"].is_not(None), tokens > 0)


def _written(source: FromClause) -> ColumnElement[str]:
    """Bills tell how long a write to the cache lives; so does a request that wrote for one lifetime only."""
    none = {name: func.coalesce(source.c[f"x_CacheWrite{name}Tokens"], 0) == 0 for name in ("5m", "1h")}
    return case((none["1h"], "cache_write_5m"), (none["5m"], "cache_write_1h"), else_="cache_write")


def _no_kind(metric: Metric, source: FromClause) -> Select[Any]:
    known: ColumnElement[Any] = cast(literal("0", String()), MONEY_TYPE)
    for kind in TOKEN_KINDS if METRICS[metric] in PRICED else ():
        known = known + func.coalesce(source.c[_cost_of(kind)], 0)
    rest = {name: source.c[name] - known for name in PRICED} | {name: source.c[name] for name in METRICS.values() if name not in PRICED}
    tokens = func.coalesce(source.c["x_InputTokens"], 0) + func.coalesce(source.c["x_OutputTokens"], 0)
    is_left = or_(tokens == 0, func.coalesce(rest[METRICS[metric]], 0) != 0)
    return _instead({**rest, "x_TokenType": cast(null(), String())}, source).where(source.c["x_Requests"].is_not(None), is_left)


def _instead(given: Mapping[str, ColumnElement[Any]], source: FromClause) -> Select[Any]:
    """All columns of a request, with those that would count again left empty unless they are given."""
    empty: dict[str, ColumnElement[Any]] = dict.fromkeys(MEASURED[1:7], cast(null(), BigInteger()))
    empty |= dict.fromkeys((*MEASURED[7:], *METRICS.values(), "ConsumedQuantity"), cast(null(), MONEY_TYPE))
    instead = empty | dict(given)
    return select(*(instead.get(name, source.c[name]).label(name) for name in COLUMNS))


def _of_kind(kind: str, source: FromClause) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    known = {name: func.coalesce(source.c[name], 0) for name in MEASURED[1:7]}
    written = known["x_CacheWrite5mTokens"] + known["x_CacheWrite1hTokens"]
    counts = {
        "input": known["x_InputTokens"] - known["x_CacheReadTokens"] - written,
        "cache_read": known["x_CacheReadTokens"],
        "cache_write": written,
        "output": known["x_OutputTokens"],
    }
    return counts[kind], source.c[_cost_of(kind)]


def _cost_of(kind: str) -> str:
    return f"x_{kind.title().replace('_', '')}Cost"
