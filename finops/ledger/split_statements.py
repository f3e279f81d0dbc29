"""How a bill is split by measured usage, as DuckDB statements over the views `bill` and `usage`.

A line nobody owns goes to those who were measured on its days, with its provider and model, its kind of tokens and its tier, and
nothing that contradicts what the line says of its owner. What the bill bills to a team by itself is taken off that team first.
"""

from typing import Final

from finops.charges import COLUMNS, ESTIMATE
from finops.ledger.billed_models import is_for_models
from finops.ledger.derive import quoted

# Who used it; a bill's own word goes before.
OWNERS: Final = ("x_Team", "x_Project", "x_Env", "x_Feature", "x_User", "x_Tenant", "x_Route")
SAID: Final = OWNERS[1:]  # what a line may say of its owner though it names no team
AMOUNTS: Final = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingCurrencyEffectiveCost"),
    *("ConsumedQuantity", "PricingQuantity", "CommitmentDiscountQuantity"),
)
TOLERANCE: Final = "1.02"  # usage this much above what was measured is missing events, not rounding

# Kind of token on a bill → (tokens measured of a request, what they cost by the price list where that is known apart).
KINDS: Final[dict[str, tuple[str, str]]] = {
    "input": (
        "x_InputTokens - coalesce(x_CacheReadTokens, 0) - coalesce(x_CacheWrite5mTokens, 0) - coalesce(x_CacheWrite1hTokens, 0)",
        "x_InputCost",
    ),
    "cache_read": ("x_CacheReadTokens", "x_CacheReadCost"),
    "cache_write": ("coalesce(x_CacheWrite5mTokens, 0) + coalesce(x_CacheWrite1hTokens, 0)", "x_CacheWriteCost"),
    "cache_write_5m": ("x_CacheWrite5mTokens", "CAST(NULL AS DECIMAL(38,10))"),
    "cache_write_1h": ("x_CacheWrite1hTokens", "CAST(NULL AS DECIMAL(38,10))"),
    "output": ("x_OutputTokens", "x_OutputCost"),
    "all": ("coalesce(x_InputTokens, 0) + coalesce(x_OutputTokens, 0)", "EffectiveCost"),
}

# One after the other, each for the lines that the one before found nobody for: which kind and tier the measured must be of.
STAGES: Final = (("kind", "AND l.tier IN (m.tier, '')"), ("kind", ""), ("'all'", ""))
_NAMES: Final = ", ".join(OWNERS)


def lines() -> str:
    """Make `lines`: usage of models on the bill, its provider, model, kind of token, tier, days, and the tokens the provider counted."""
    kinds = ", ".join(quoted(kind) for kind in KINDS)
    return f"""CREATE TABLE lines AS SELECT bill.file_row_number AS line, providers.key AS provider, models.key AS model,
            CASE WHEN x_TokenType IN ({kinds}) THEN x_TokenType WHEN x_TokenType = 'reasoning' THEN 'output' ELSE 'all' END AS kind,
            coalesce(x_ServiceTier, '') AS tier, {_NAMES}, {_tokens()} AS counted,
            x_ChargeDay AS day, greatest(x_ChargeDay, CAST(ChargePeriodEnd - INTERVAL 1 MICROSECOND AS DATE)) AS last
        FROM bill JOIN providers ON providers.written = ProviderName LEFT JOIN models ON models.written = x_Model
        WHERE ChargeCategory = 'Usage' AND x_CostSource IS DISTINCT FROM {quoted(ESTIMATE)} AND {is_for_models("providers.key")}"""


def _tokens() -> str:
    several = "ConsumedQuantity * CAST(split_part(ConsumedUnit, ' ', 1) AS BIGINT)"
    return f"""CASE WHEN lower(ConsumedUnit) = 'tokens' THEN ConsumedQuantity
        WHEN regexp_full_match(lower(ConsumedUnit), '[0-9]{{1,9}} tokens') THEN {several}
        WHEN lower(ConsumedUnit) = '1k tokens' THEN ConsumedQuantity * 1000
        WHEN lower(ConsumedUnit) = '1m tokens' THEN ConsumedQuantity * 1000000 END"""


def measured() -> str:
    """Make `measured`: tokens and list cost by day, provider, model, tier, owner and kind; the cost is null where any has no price."""
    each = ", ".join(_sums(*sql, kind) for kind, sql in KINDS.items())
    whose = f"day, provider, model, spelt, tier, {_NAMES}"
    kinds = " UNION ALL ".join(
        f"SELECT {whose}, {quoted(kind)} AS kind, tokens_{kind} AS tokens, cost_{kind} AS cost FROM summed" for kind in KINDS
    )
    return f"""CREATE TABLE measured AS WITH summed AS MATERIALIZED (
            SELECT x_ChargeDay AS day, providers.key AS provider, models.key AS model, x_Model AS spelt,
                coalesce(x_ServiceTier, 'standard') AS tier, {_NAMES}, {each}
            FROM usage JOIN providers ON providers.written = ProviderName JOIN models ON models.written = x_Model GROUP BY ALL)
        SELECT * FROM ({kinds}) WHERE tokens > 0"""


def _sums(tokens: str, cost: str, kind: str) -> str:
    used = f"FILTER (WHERE {tokens} > 0)"
    known = f"CASE WHEN count({cost}) {used} = count(*) {used} THEN sum({cost}) {used} END"
    return f"CAST(coalesce(sum({tokens}) {used}, 0) AS DECIMAL(38,6)) AS tokens_{kind}, CAST({known} AS DECIMAL(38,10)) AS cost_{kind}"


def less_what_is_owned() -> str:
    """Make `unbilled`: what was measured, less the tokens that the bill bills to its team by lines of their own."""
    kinds = "unnest(list_distinct([kind, CASE WHEN starts_with(kind, 'cache_write') THEN 'cache_write' ELSE kind END, 'all']))"
    return f"""CREATE TABLE unbilled AS WITH
        owned AS (SELECT day, provider, model, x_Team, {kinds} AS kind, counted FROM lines
            WHERE x_Team IS NOT NULL AND model IS NOT NULL AND day = last AND counted > 0),
        taken AS (SELECT day, provider, model, x_Team, kind, sum(counted) AS counted FROM owned GROUP BY ALL),
        used AS (SELECT day, provider, model, x_Team, kind, sum(tokens) AS tokens FROM measured GROUP BY ALL),
        kept AS (SELECT used.* EXCLUDE (tokens), greatest(0, 1 - CAST(counted AS DOUBLE) / CAST(tokens AS DOUBLE)) AS share
            FROM used JOIN taken USING (day, provider, model, x_Team, kind))
        SELECT measured.* REPLACE (CAST(round(CAST(tokens AS DOUBLE) * share, 6) AS DECIMAL(38,6)) AS tokens,
            CAST(round(CAST(cost AS DOUBLE) * share, 10) AS DECIMAL(38,10)) AS cost)
        FROM measured JOIN kept USING (day, provider, model, x_Team, kind)
        UNION ALL BY NAME SELECT measured.* FROM measured ANTI JOIN kept USING (day, provider, model, x_Team, kind)"""


def parts() -> list[str]:
    """Make `parts`: (line, owners, share), stage by stage."""
    empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in OWNERS)
    make = f"CREATE TABLE parts AS SELECT CAST(0 AS BIGINT) AS line, '' AS spelt, {empty}, CAST(0 AS DOUBLE) AS share LIMIT 0"
    return [make, *(_stage(kind, tier) for kind, tier in STAGES)]


def _stage(kind: str, tier: str) -> str:
    """Shares are by list cost where all of it is known, else by tokens; what the provider counted beyond what was seen stays open.

    Lines that go to the same owners, as those of several accounts do, are compared with what was seen together.
    """
    said = " AND ".join(f"(l.{name} IS NULL OR m.{name} IS NULL OR l.{name} = m.{name})" for name in SAID)
    alike = f"provider, model, kind, day, last, {', '.join(SAID)}{', tier' if tier else ''}"
    return f"""INSERT INTO parts BY NAME WITH
        asked AS (SELECT * REPLACE ({kind} AS kind) FROM lines WHERE x_Team IS NULL AND line NOT IN (SELECT line FROM parts)),
        pooled AS (SELECT * REPLACE (sum(counted) OVER (PARTITION BY {alike}) AS counted) FROM asked),
        joined AS (SELECT line, spelt, {", ".join(f"m.{name}" for name in OWNERS)}, any_value(counted) AS counted, sum(tokens) AS tokens,
                CASE WHEN count(m.cost) = count(*) THEN sum(m.cost) END AS cost
            FROM pooled l JOIN unbilled m ON m.provider = l.provider AND m.kind = l.kind AND m.tokens > 0
                AND (l.model IS NULL OR m.model = l.model) AND m.day BETWEEN l.day AND l.last AND {said} {tier}
            GROUP BY ALL),
        summed AS (SELECT *, sum(tokens) OVER mine AS all_tokens, sum(cost) OVER mine AS all_cost,
                count(cost) OVER mine = count(*) OVER mine AS priced
            FROM joined WINDOW mine AS (PARTITION BY line)),
        seen AS (SELECT *, CASE WHEN counted > all_tokens * {TOLERANCE} THEN CAST(all_tokens AS DOUBLE) / CAST(counted AS DOUBLE)
                ELSE 1 END AS part FROM summed)
        SELECT line, spelt, {_NAMES}, part * CASE WHEN priced AND all_cost > 0 THEN CAST(cost AS DOUBLE) / CAST(all_cost AS DOUBLE)
            ELSE CAST(tokens AS DOUBLE) / CAST(all_tokens AS DOUBLE) END AS share FROM seen
        UNION ALL BY NAME SELECT line, 1 - any_value(part) AS share FROM seen WHERE part < 1 GROUP BY line"""


def whole() -> str:
    """All columns of the bill: its other lines as they are, the split ones in parts that sum to the line."""
    kept = ", ".join(f'"{name}"' for name in COLUMNS)
    ties = ", ".join(f"parts.{name}" for name in (*OWNERS, "spelt"))
    ranked = f"""SELECT bill.*, parts.spelt, parts.share, {", ".join(f"parts.{name} AS p_{name}" for name in OWNERS)},
        row_number() OVER (PARTITION BY line ORDER BY share DESC, {ties}) AS place
        FROM parts JOIN bill ON bill.file_row_number = parts.line"""
    rounded = ", ".join(f'CAST(round(CAST("{name}" AS DOUBLE) * share, 10) AS DECIMAL(38,10)) AS s_{name}' for name in AMOUNTS)
    rest = ", ".join(f'"{name}" - sum(s_{name}) OVER (PARTITION BY file_row_number) AS r_{name}' for name in AMOUNTS)
    return f"""WITH ranked AS ({ranked}), rounded AS (SELECT *, {rounded} FROM ranked), summed AS (SELECT *, {rest} FROM rounded)
        SELECT {kept} FROM bill WHERE file_row_number NOT IN (SELECT line FROM parts)
        UNION ALL SELECT {", ".join(_part(name) for name in COLUMNS)} FROM summed"""


def _part(name: str) -> str:
    if name in AMOUNTS:
        return f'CAST(s_{name} + CASE WHEN place = 1 THEN r_{name} ELSE 0 END AS {COLUMNS[name]}) AS "{name}"'
    if name in OWNERS:
        return f'coalesce("{name}", p_{name}) AS "{name}"'
    if name == "x_Model":
        return "coalesce(spelt, x_Model) AS x_Model"
    return "'usage' AS x_AllocatedBy" if name == "x_AllocatedBy" else f'"{name}"'
