"""What reconciling asks the charges: usage and bills by UTC day, provider, model and tier."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, DateTime, FromClause, Select, and_, case, cast, func, select

from finops.charges import ESTIMATE
from finops.ledger.billed_models import models_of
from finops.ledger.statements import charges

TOKENS: Final = ("x_InputTokens", "x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens", "x_OutputTokens")
LINE: Final = ("ProviderName", "x_Model", "BillingCurrency", "x_ServiceTier", "x_TokenType", "ConsumedUnit", "x_Source")


def providers(source: FromClause = charges) -> Select[Any]:
    """(provider): every name that providers are written by."""
    return select(source.c["ProviderName"]).where(source.c["ProviderName"].is_not(None)).distinct()


def usage_days(start: datetime, end: datetime, source: FromClause = charges) -> Select[Any]:
    """(day, provider, model, currency, tier, is priced, requests, TOKENS…, costs…) of the requests that began from `start` to `end`.

    The costs are those of input, cache reads, writes for 5 minutes, for an hour, for both in one request with the tokens of each,
    output, and all.
    """
    column = source.c
    keys = [_day(column["ChargePeriodStart"]), *(column[name] for name in ("ProviderName", "x_Model", "BillingCurrency", "x_ServiceTier"))]
    priced = column["EffectiveCost"].is_not(None).label("priced")
    short, long = (func.coalesce(column[name], 0) for name in ("x_CacheWrite5mTokens", "x_CacheWrite1hTokens"))
    mixed = and_(short > 0, long > 0)
    written = column["x_CacheWriteCost"]
    sums = [
        *(func.sum(func.coalesce(column[name], 0)) for name in ("x_Requests", *TOKENS)),
        func.sum(column["x_InputCost"]),
        func.sum(column["x_CacheReadCost"]),
        func.sum(case((long == 0, written))),
        func.sum(case((and_(long > 0, short == 0), written))),
        func.sum(case((mixed, written))),
        *(func.sum(case((mixed, tokens), else_=0)) for tokens in (short, long)),
        func.sum(column["x_OutputCost"]),
        func.sum(column["EffectiveCost"]),
    ]
    inside = (column["ChargePeriodStart"] >= _plain(start), column["ChargePeriodStart"] < _plain(end))
    requests = (column["x_Requests"].is_not(None), column["x_CostSource"] == ESTIMATE)
    return select(*keys, priced, *sums).where(*inside, *requests).group_by(*keys, priced)


def bill_days(start: datetime, end: datetime, written: Sequence[str], source: FromClause = charges) -> Select[Any]:
    """(first day, end day, ends within its end day, provider, model, currency, tier, token type, unit, source, account, is counted,
    cost, quantity) of what language models are billed for between `start` and `end`.

    `written` are the providers' names. The cost is the effective one of usage: commitments are spread over what they cover, and
    taxes, fees and credits are left out.
    """
    column = source.c
    ended = column["ChargePeriodEnd"]
    keys = [
        _day(column["ChargePeriodStart"]).label("first"),
        _day(ended).label("end"),
        (cast(_day(ended), DateTime) < ended).label("within"),
        *(column[name] for name in LINE),
        func.coalesce(column["SubAccountId"], column["BillingAccountId"]).label("account"),
        column["ConsumedQuantity"].is_not(None).label("counted"),
    ]
    inside = (column["ChargePeriodStart"] < _plain(end), ended > _plain(start))
    is_bill = (models_of(written, source), func.coalesce(column["x_CostSource"], "") != ESTIMATE)
    sums = [func.sum(func.coalesce(column["EffectiveCost"], 0)), func.sum(column["ConsumedQuantity"])]
    return select(*keys, *sums).where(*inside, *is_bill).group_by(*keys)


def _day(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(moment, Date)


def _plain(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
