"""Which lines of a bill are for language models: all usage of their makers, and some services of the clouds."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, or_

from finops.ledger.derive import quoted
from finops.providers import CLOUDS, MODEL_SERVICES, provider_name


def is_for_models(provider: str) -> str:
    """SQL that tells of a usage line whether it is for models, where `provider` is SQL for its provider as we spell it."""
    clouds = ", ".join(map(quoted, CLOUDS))
    services = " OR ".join(f"ServiceName ILIKE {quoted(each)}" for each in MODEL_SERVICES)
    return f"({provider} NOT IN ({clouds}) OR x_Model IS NOT NULL OR {services})"


def models_of(providers: Iterable[str], source: FromClause) -> ColumnElement[bool]:
    """The usage lines for models of these providers, each spelt as bills do."""
    return or_(*(_of(provider, source.c) for provider in providers))


def _of(provider: str, columns: Any) -> ColumnElement[bool]:
    mine = and_(columns["ProviderName"] == provider, columns["ChargeCategory"] == "Usage")
    if provider_name(provider) not in CLOUDS:
        return mine
    return and_(mine, or_(columns["x_Model"].is_not(None), *(columns["ServiceName"].ilike(each) for each in MODEL_SERVICES)))
