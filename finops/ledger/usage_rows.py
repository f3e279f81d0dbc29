"""The statements that make charges of usage events: one row for each request, priced by a join."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from finops.charges import COLUMNS, ESTIMATE
from finops.ledger.derive import quoted
from finops.ledger.usage_rates import PRICES
from finops.usage import EVENT_FIELDS, Kind

_TYPES: Final[dict[Kind, str]] = {"text": "VARCHAR", "count": "BIGINT", "moment": "TIMESTAMP", "flag": "BOOLEAN", "texts": "JSON"}
_COUNTS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")

SERVICES: Final = {
    "Anthropic": "Claude API",
    "AWS": "Amazon Bedrock",
    "Google Cloud": "Vertex AI",
    "Microsoft": "Azure OpenAI",
    "self-hosted": "Self-hosted models",
    "unknown": "LLM API",
}
_SERVICE: Final = " ".join(f"WHEN {quoted(seller)} THEN {quoted(service)}" for seller, service in SERVICES.items())
DEFAULT_CURRENCY: Final = "USD"  # of requests nobody knows a price for: that of the built-in list

# What a request says by itself: ledger column → SQL over an event `e` and the `models` row `m` of it.
_SAID: Final[dict[str, str]] = {
    "BillingPeriodStart": "date_trunc('month', e.time)",
    "BillingPeriodEnd": "date_trunc('month', e.time) + INTERVAL 1 MONTH",
    "ChargeCategory": "'Usage'",
    "ChargeFrequency": "'Usage-Based'",
    "ChargePeriodStart": "e.time",
    "ChargePeriodEnd": "e.time + INTERVAL 1 SECOND",
    "ConsumedQuantity": "e.input_tokens + e.output_tokens",
    "ConsumedUnit": "'Tokens'",
    "InvoiceIssuerName": "m.seller",
    "PricingCategory": "'Standard'",
    "ProviderName": "m.seller",
    "PublisherName": "m.maker",
    "RegionId": "e.region",
    "ServiceCategory": "'AI and Machine Learning'",
    "ServiceName": f"CASE m.seller {_SERVICE} ELSE m.seller || ' API' END",
    "ServiceSubcategory": "'Generative AI'",
    "SkuId": "e.model",
    "x_BilledTeam": "e.team",
    "x_BilledProject": "e.project",
    "x_BilledEnv": "e.env",
    "x_Model": "e.model",
    "x_Feature": "e.feature",
    "x_User": "e.user",
    "x_Tenant": "e.tenant",
    "x_Route": "e.route",
    "x_ServiceTier": "e.service_tier",
    "x_CostSource": quoted(ESTIMATE),
    "x_RequestId": "e.request_id",
    "x_Session": "e.session",
    "x_Requests": "coalesce(e.requests, 1)",
    "x_InputTokens": "e.input_tokens",
    "x_CacheReadTokens": "e.cache_read_tokens",
    "x_CacheWrite5mTokens": "e.cache_write_5m_tokens",
    "x_CacheWrite1hTokens": "e.cache_write_1h_tokens",
    "x_OutputTokens": "e.output_tokens",
    "x_ReasoningTokens": "e.reasoning_tokens",
    "x_LatencyMs": "e.latency_ms",
    "x_Status": "e.status",
    "x_Task": "e.task",
    "x_PromptHash": "e.prompt_hash",
    "x_PrefixHashes": "CAST(e.prefix_hashes AS VARCHAR)",
    "x_PrefixBlockTokens": "CASE WHEN e.prefix_hashes IS NOT NULL THEN coalesce(e.prefix_block_tokens, 512) END",
    "x_TokensEstimated": "CASE WHEN e.estimated THEN 'true' END",
}

# Tokens of a charge `c` by the kind of price that holds for them.
_TOKENS: Final = {
    "input": "c.x_InputTokens - c.x_CacheReadTokens - c.x_CacheWrite5mTokens - c.x_CacheWrite1hTokens",
    "cache_read": "c.x_CacheReadTokens",
    "cache_write_5m": "c.x_CacheWrite5mTokens",
    "cache_write_1h": "c.x_CacheWrite1hTokens",
    "output": "c.x_OutputTokens",
    "per_request": "c.x_Requests",
}
_MONEY: Final = COLUMNS["BilledCost"]
_PRICED: Final[dict[str, str]] = {
    "BillingCurrency": f"coalesce(currency, {quoted(DEFAULT_CURRENCY)})",
    "BilledCost": "total",
    "EffectiveCost": "total",
    "ContractedCost": "total",
    "ListCost": "list_total",
    "x_InputCost": "cost_input",
    "x_CacheReadCost": "cost_cache_read",
    "x_CacheWriteCost": "cost_cache_write_5m + cost_cache_write_1h",
    "x_OutputCost": "cost_output",
    "x_RequestCost": "cost_per_request",
}
COST_COLUMNS: Final = (*_PRICED, "x_PriceId")
MADE: Final = ("x_Source", *_SAID, *COST_COLUMNS)  # the columns that a request fills


def events_of(files: Sequence[Path]) -> str:
    """SQL that reads canonical events; a line that is none, such as the torn last one after a crash, comes as nothing but nulls."""
    listed = ", ".join(quoted(str(file)) for file in files)
    columns = ", ".join(f"{name}: '{_TYPES[kind]}'" for name, kind in EVENT_FIELDS.items())
    counts = ", ".join(f"coalesce({name}_tokens, 0) AS {name}_tokens" for name in _COUNTS)
    return f"""SELECT * REPLACE ({counts}), unhex(left(sha256(request_id), 32)) AS key
        FROM read_json([{listed}], columns = {{{columns}}}, format = 'newline_delimited', ignore_errors = true)"""


def unpriced_charges(events: str, source: str) -> str:
    """SQL that makes a charge of each event, with nothing yet of what it costs."""
    said = ", ".join(f'CAST({sql} AS {COLUMNS[name]}) AS "{name}"' for name, sql in _SAID.items())
    join = "JOIN models m ON m.model = e.model AND m.provider IS NOT DISTINCT FROM e.provider"
    return f'SELECT {said}, {quoted(source)} AS "x_Source" FROM {events} e {join}'


def priced(charges: str) -> str:
    """SQL that adds to charges what they cost by the table `rates`; where a kind of their tokens has no price, all of it is null.

    Where prices step up with the input, a sum of several requests is priced as that many of the same size.

    Each part is rounded to the ledger's digits before they are added up, so that parts equal their sum exactly.
    """
    parts = ", ".join(f"{_part(name, prefix)} AS {prefix}cost_{name}" for prefix in ("", "list_") for name in PRICES)
    joined = f"""SELECT c.*, r.price_id, r.currency, {parts} FROM ({charges}) c LEFT JOIN rates r
        ON r.provider IS NOT DISTINCT FROM c.ProviderName AND r.model = c.x_Model AND r.tier IS NOT DISTINCT FROM c.x_ServiceTier
        AND r.region IS NOT DISTINCT FROM c.RegionId AND c.ChargePeriodStart >= r.start AND c.ChargePeriodStart < r.until
        AND c.x_InputTokens // c.x_Requests > r.above AND c.x_InputTokens // c.x_Requests <= r.up_to"""
    sums = ", ".join(f"{_sum(prefix)} AS {prefix}total" for prefix in ("", "list_"))
    known = "total IS NOT NULL AND list_total IS NOT NULL"
    costs = ", ".join(f'CASE WHEN {known} THEN CAST({sql} AS {_MONEY}) END AS "{name}"' for name, sql in _costs().items())
    currency = f'{_PRICED["BillingCurrency"]} AS "BillingCurrency"'
    return f"""SELECT *, {currency}, CASE WHEN {known} THEN price_id END AS "x_PriceId", {costs} FROM (SELECT *, {sums} FROM ({joined}))"""


def ledger_columns(charges: str, derived: Mapping[str, str]) -> str:
    """SQL that shows charges as the ledger keeps them: every column, with day and owner worked out."""
    full = ", ".join(
        f'"{name}"' if name in MADE else f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in COLUMNS.items() if name not in derived
    )
    shown = ", ".join(f'CAST({derived[name]} AS {kind}) AS "{name}"' if name in derived else f'"{name}"' for name, kind in COLUMNS.items())
    return f"SELECT {shown} FROM (SELECT {full} FROM ({charges}))"


def _costs() -> dict[str, str]:
    return {name: sql for name, sql in _PRICED.items() if name != "BillingCurrency"}


def _part(name: str, prefix: str) -> str:
    tokens = _TOKENS[name]
    return f"CASE WHEN r.price_id IS NULL THEN NULL WHEN {tokens} = 0 THEN 0 ELSE CAST(({tokens}) * r.{prefix}{name} AS {_MONEY}) END"


def _sum(prefix: str) -> str:
    return " + ".join(f"{prefix}cost_{name}" for name in PRICES)
