"""Cells of CSV files that a spreadsheet takes for text, whatever somebody wrote into a tag."""

import re
from decimal import Decimal
from typing import Final

# A formula may hide behind blanks, and in any line of a cell. Full-width signs are taken for the usual ones.
BLANK: Final = "\\s\u00a0\ufeff\u200b-\u200f\u2028-\u202f\u2060-\u2064\x00-\x1f"
FORMULA: Final = re.compile(f"(?:^|[\\r\\n])[{BLANK}]*[=+@|%\\-＝＋＠－｜％−]|^[\\t\\r\\n]")


def cell(value: str | int | Decimal | None) -> str | int | Decimal:
    """Return what to write: numbers stay numbers, and text that could be a formula gets a leading apostrophe."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and FORMULA.search(value) else value
