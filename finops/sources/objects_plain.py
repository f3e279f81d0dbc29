"""Bills that come without a manifest: all files of a folder are one delivery, or one for each month where the folders name months."""

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from finops.sources.bills import ENDINGS
from finops.sources.objects import EVERY, Bundle, Shelf, Stored

MONTH: Final = re.compile(r"(?:^|/)billing_?period=(20\d\d-(?:0[1-9]|1[0-2]))(?:-01)?/", re.IGNORECASE)


def plain_bundles(shelf: Shelf, wanted: Callable[[str], bool]) -> list[Bundle]:
    """Return the files there are as deliveries; half written ones (`.part`, hidden) are no bills."""
    files = [stored for stored in shelf.objects.values() if _is_bill(stored)]
    months = {stored.key: MONTH.search(stored.key) for stored in files}
    groups: dict[str, list[Stored]] = defaultdict(list)
    for stored in files:
        month = months[stored.key]
        groups[month[1] if month and all(months.values()) else EVERY].append(stored)
    return [_bundle(period, groups[period], shelf) for period in sorted(groups) if period == EVERY or wanted(period)]


def _is_bill(stored: Stored) -> bool:
    pieces = stored.key.split("/")
    name = stored.name.lower()
    return name.endswith((*ENDINGS, ".csv.zip")) and "manifest" not in name and not any(piece.startswith((".", "_")) for piece in pieces)


def _bundle(period: str, files: list[Stored], shelf: Shelf) -> Bundle:
    empty = next((f"{stored.key} is empty" for stored in files if not stored.size), None)
    first = shelf.address(files[0].key)
    what = first if len(files) == 1 else f"{first} and {len(files) - 1} more"
    return Bundle(period, max(stored.modified for stored in files), what, tuple(files), waiting=empty)
