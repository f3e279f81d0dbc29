"""Azure's units of measure: `100 Hours` is a hundred hours at one price, `10K` ten thousand of something."""

from typing import Final

from finops.sources.azure_meters import Meter

_TEXT: Final = "trim(coalesce({unitOfMeasure:text?}, {unitType:text?}, {meter_details.unit_of_measure:text?}, {meter_details.unit:text?}))"
METER: Final = Meter(
    name="coalesce({meterName:text?}, {meter_details.meter_name:text?})",
    category="coalesce({meterCategory:text?}, {meter_details.meter_category:text?}, '')",
    subcategory="coalesce({meterSubCategory:text?}, '')",
    unit=_TEXT,
)

_COUNT: Final = r"^([0-9][0-9,]*)\s*(?:(?i)[KMB]|million)?(?:[\s/(]|$)"
_SCALE: Final = r"^[0-9][0-9,]*\s*((?i)[KMB]|million)(?:[\s/(]|$)"
_REST: Final = r"^(?:[0-9][0-9,]*\s*(?:(?i)[KMB]|million)?)?([\s/(].*)?$"
_SIZES: Final = "[KMGTP]i?B"
_TIMES: Final = "Second|Minute|Hour|Day|Month|Year"

_DIGITS: Final = f"replace(regexp_extract({_TEXT}, '{_COUNT}', 1), ',', '')"
_SCALED: Final = (
    f"CASE lower(regexp_extract({_TEXT}, '{_SCALE}', 1)) WHEN 'k' THEN 1000 WHEN '' THEN 1 WHEN 'b' THEN 1000000000 ELSE 1000000 END"
)

# How many units one price is for; null where the text does not tell.
BLOCK: Final = f"""nullif(CASE WHEN {_DIGITS} <> '' THEN TRY_CAST({_DIGITS} AS BIGINT) * {_SCALED}
    WHEN NOT regexp_matches({_TEXT}, '^[0-9]') THEN 1 END, 0)"""

_NAMED: Final = f"""regexp_replace(trim(CASE WHEN regexp_matches({_TEXT}, '^[0-9]') THEN regexp_extract({_TEXT}, '{_REST}', 1)
    ELSE {_TEXT} END), '\\s*/\\s*', '/')"""
_COUNTED: Final = f"CASE WHEN {METER.counts_tokens} OR regexp_matches({METER.name}, '(?i)\\btokens?$') THEN 'Tokens' ELSE 'Units' END"
_FULL: Final = f"""CASE WHEN {_NAMED} IN ('', 'Unit', 'Units') THEN {_COUNTED}
    WHEN starts_with({_NAMED}, '/') THEN 'Units' || {_NAMED} ELSE {_NAMED} END"""
_JOINED: Final = f"regexp_replace({_FULL}, '^({_SIZES}) ({_TIMES})s?$', '\\1-\\2')"  # GB Hour → GB-Hour
_MANY: Final = f"""regexp_replace(regexp_replace(replace({_JOINED}, '(s)', 's'), '^(.*[^aeiou/])y(/.*)?$', '\\1ies\\2'),
    '^([^/]*[a-rt-z])(/.*)?$', '\\1s\\2')"""

# One unit, in the plural that FOCUS wants.
UNIT: Final = f"CASE WHEN {BLOCK} IS NOT NULL AND {_NAMED} <> 'Unassigned' THEN {_MANY} END"
# What a price is for: `1000000 Tokens`, for FOCUS knows no `1M Tokens`.
PRICED_UNIT: Final = f"CASE WHEN {BLOCK} = 1 THEN {UNIT} ELSE {BLOCK} || ' ' || {UNIT} END"
