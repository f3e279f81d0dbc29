"""How a spreadsheet writes dates and amounts, and SQL that reads them so: used only for files that show such forms."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from finops.charges import MONEY, TEXT
from finops.sources import casts
from finops.sources.bills import listed

# A sign in front of an amount → the currencies it may stand for. A three-letter code stands for itself.
SIGNS: Final[dict[str, str]] = {
    "$": "USD ARS AUD BBD BMD BND BRL BSD BZD CAD CLP COP CVE DOP FJD GYD HKD JMD KYD LRD MXN NAD NIO NZD SBD SGD SRD TTD TWD UYU XCD",
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD NIO",
    "CA$": "CAD",
    "HK$": "HKD",
    "MX$": "MXN",
    "NT$": "TWD",
    "NZ$": "NZD",
    "R$": "BRL",
    "S$": "SGD",
    "US$": "USD",
    "£": "GBP EGP FKP GIP LBP SDG SHP SSP SYP",
    "€": "EUR",
    "¥": "JPY CNY",
    "₩": "KRW KPW",
    "₪": "ILS",
    "₫": "VND",
    "₱": "PHP",
    "₴": "UAH",
    "₹": "INR",
    "₺": "TRY",
    "₽": "RUB",
    "฿": "THB",
}

_SYMBOL: Final = "(?:" + "|".join(map(re.escape, SIGNS)) + ")"
SIGN: Final = f"(?:{_SYMBOL}|[A-Z]{{3}})"
_NUMBER: Final = r"(?:(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d*)?|\.\d+)"
AMOUNT: Final = "|".join(
    [
        rf"-? ?(?:{SIGN} ?)?{_NUMBER}",
        rf"{SIGN} ?-{_NUMBER}",
        rf"\( ?(?:{SIGN} ?)?{_NUMBER} ?\)",
        rf"{SIGN} ?\( ?{_NUMBER} ?\)",
        rf"{_SYMBOL} ?-",  # nothing, in the accounting style
    ]
)
# One comma and no point: a thousand here, one and a bit elsewhere.
LONE_GROUP: Final = r"[^,.]*\d,\d{3}[^,.\d]*"

_TIME: Final = r"(?: \d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?)?"
SLASHED: Final = rf"(?:\d{{1,2}}/\d{{1,2}}/(?:\d{{2}}|\d{{4}})|\d{{1,2}}-\d{{1,2}}-\d{{4}}){_TIME}"
_DOTTED: Final = rf"\d{{1,2}}\.\d{{1,2}}\.(?:\d{{2}}|\d{{4}}){_TIME}"
_YEAR_FIRST: Final = rf"\d{{4}}[/.]\d{{1,2}}[/.]\d{{1,2}}{_TIME}"
_DIGITS: Final = r"(?:19|20)\d{6}"
UNMISTAKABLE: Final = f"{_DOTTED}|{_YEAR_FIRST}|{_DIGITS}"  # read one way only
# 1.234,50: what stands behind the comma is a fraction.
COMMA: Final = rf"-? ?(?:{SIGN} ?)?(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+)(?:,\d+)?(?:[eE][-+]?\d+)?(?: ?{SIGN})?"
_TIMES: Final = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


@dataclass(frozen=True)
class Manner:
    """How a file writes what the plain reading leaves unread; the plain reading always comes first."""

    month_first: bool | None = None  # None where no date has slashes
    amounts: bool = False  # whether some are written like $1,234.50
    groups: bool = False  # whether 1,234 is a thousand and more
    comma: bool = False  # whether 1,234 is one and a bit: a comma before the fraction, points between thousands
    unmistakable: bool = False  # whether some dates are written like 01.04.2025, 2025/04/01 or 20250401

    def read(self, sql: str, type_: str, kind: str) -> str:
        """Return SQL for the raw column `sql` of DuckDB type `type_`, read as `kind`."""
        plain = casts.read(sql, type_, kind)
        if kind == "moment" and type_ == TEXT:
            other = _unmistakable(sql, plain) if self.unmistakable else plain
            return other if self.month_first is None else _moment(sql, other, self.month_first)
        if kind == "money" and type_ == TEXT and self.comma:
            return _comma_amount(sql)
        if kind == "money" and type_ == TEXT and self.amounts:
            return f"coalesce({plain}, {_amount(sql, self.groups)})"
        return plain


PLAIN: Final = Manner()


def notes(files: Mapping[Manner, Sequence[str]]) -> list[str]:
    """Return what is to be said of files that are read in each manner: each choice once."""
    choices: list[tuple[str, Callable[[Manner], bool]]] = [
        ("dates with slashes were read month first, 4/1/25 as 2025-04-01", lambda manner: manner.month_first is True),
        ("dates with slashes were read day first, 1/4/25 as 2025-04-01", lambda manner: manner.month_first is False),
        ("amounts with a decimal comma were read, 1.234,50 as 1234.50", lambda manner: manner.comma),
        ("amounts written as in a spreadsheet were read, such as $1,234.50 as 1234.50", lambda manner: manner.amounts),
    ]
    chosen = {text: [name for manner, names in files.items() if fits(manner) for name in names] for text, fits in choices}
    return [f"{text} ({listed(names)})" for text, names in chosen.items() if names]


def slashes(sql: str) -> str:
    """Return SQL for a date such as 1-4-2025 with slashes instead."""
    return rf"regexp_replace(trim({sql}), '^(\d{{1,2}})-(\d{{1,2}})-', '\1/\2/')"


def currencies(sql: str) -> str:
    """Return SQL for the currencies the sign of an amount may stand for, as one text; null where it bears no sign."""
    known = " ".join(f"WHEN {casts.literal(sign)} THEN {casts.literal(codes)}" for sign, codes in SIGNS.items())
    sign = rf"regexp_extract({sql}, '^[-( ]*({SIGN})[-( ]*(?:[\d.]|$)', 1)"
    return f"CASE {sign} WHEN '' THEN NULL {known} ELSE {sign} END"


def _amount(sql: str, groups: bool) -> str:
    """Digits and point are all that counts once the form is known; the zero stands for the dash of the accounting style."""
    text = f"trim({sql})"
    one_of = rf"regexp_full_match({text}, '{AMOUNT}')" + ("" if groups else rf" AND NOT regexp_full_match({text}, '{LONE_GROUP}')")
    sign = f"CASE WHEN contains({text}, '-') OR contains({text}, '(') THEN '-' ELSE '' END"
    digits = rf"regexp_replace({text}, '[^\d.]', '', 'g')"
    return f"CASE WHEN {one_of} THEN TRY_CAST({sign} || '0' || {digits} AS {MONEY}) END"


def _comma_amount(sql: str) -> str:
    text = f"trim({sql})"
    digits = rf"replace(regexp_replace({text}, '[^\d,eE+-]|[A-Z]{{3}}', '', 'g'), ',', '.')"
    return f"CASE WHEN regexp_full_match({text}, '{COMMA}') THEN {casts.read(digits, TEXT, 'money')} END"


def _unmistakable(sql: str, plain: str) -> str:
    """The year stands first or the day does; nobody writes the month before a point."""
    text = rf"regexp_replace(replace(trim({sql}), '.', '/'), '(\d)([AaPp][Mm])$', '\1 \2')"
    full_year = rf"regexp_replace({text}, '^(\d{{1,2}}/\d{{1,2}})/(\d\d)( |$)', '\1/20\2\3')"
    days, years = (", ".join(f"'{day}{time}'" for time in _TIMES) for day in ("%d/%m/%Y", "%Y/%m/%d"))
    return f"""CASE WHEN regexp_full_match(trim({sql}), '{_DOTTED}') THEN try_strptime({full_year}, [{days}])
        WHEN regexp_full_match(trim({sql}), '{_YEAR_FIRST}') THEN try_strptime({text}, [{years}])
        WHEN regexp_full_match(trim({sql}), '{_DIGITS}') THEN try_strptime(trim({sql}), '%Y%m%d') ELSE {plain} END"""


def _moment(sql: str, plain: str, month_first: bool) -> str:
    """A year of two digits is of this century; a space before AM or PM is what the parser wants."""
    day = "%m/%d/%Y" if month_first else "%d/%m/%Y"
    forms = ", ".join(f"'{day}{time}'" for time in _TIMES)
    full_year = rf"regexp_replace({slashes(sql)}, '^(\d+/\d+)/(\d\d)( |$)', '\1/20\2\3')"
    text = rf"regexp_replace({full_year}, '(\d)([AaPp][Mm])$', '\1 \2')"
    return f"CASE WHEN regexp_full_match(trim({sql}), '{SLASHED}') THEN try_strptime({text}, [{forms}]) ELSE {plain} END"
