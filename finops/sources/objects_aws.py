"""How AWS lays its exports out: Data Exports (CUR 2.0, FOCUS) and legacy Cost and Usage Reports. The manifest is the only truth."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from finops.sources.objects import Bundle, RefusedError, Shelf, Stored, newest, only_one, part_of, refused, whole

EXPORT: Final = re.compile(
    r"(?P<base>(?:.*/)?)metadata/BILLING_PERIOD=(?P<period>\d{4}-\d\d)/(?:(?P<run>[^/]+)/)?(?P<name>[^/]+)-Manifest\.json"
)
LEGACY: Final = re.compile(
    r"(?P<base>(?:.*/)?)(?P<range>(?P<year>\d{4})(?P<month>\d\d)\d\d-\d{8})/(?:(?P<run>[^/]+)/)?(?P<name>[^/]+)-Manifest\.json"
)
STAMP: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)")
DATA: Final = re.compile(r"(?P<base>(?:.*/)?)data/BILLING_PERIOD=(?P<period>\d{4}-\d\d)/")
LISTS: Final = ("dataFiles", "reportKeys", "data_files", "files")  # where a manifest lists its files


@dataclass(frozen=True)
class _Found:
    """A manifest by its place: `export` is the folder of all its months, `anchor` what its data keys have in common."""

    stored: Stored
    export: str
    name: str
    period: str
    run: str | None
    base: str
    anchor: str

    @property
    def made_at(self) -> datetime:
        found = STAMP.search(self.run or "")
        if not found:
            return self.stored.modified
        year, month, day, hour, minute, second = (int(each) for each in found.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return self.stored.modified


def aws_bundles(shelf: Shelf, wanted: Callable[[str], bool], refusals: list[str]) -> list[Bundle]:
    """Return the newest delivery of each wanted period; what a manifest may not name goes to `refusals`."""
    found = [each for each in _manifests(shelf) if shelf.export in (None, each.name, each.export)]
    only_one((f"{each.export}/{each.name}" if each.export else each.name for each in found), shelf)
    bundles = [_bundle(shelf, each, refusals) for each in _current(found) if wanted(each.period)]
    told = {each.period for each in found}
    return newest([*(each for each in bundles if each), *(each for each in _unannounced(shelf, told) if wanted(each.period))])


def _manifests(shelf: Shelf) -> Iterator[_Found]:
    for stored in shelf.objects.values():
        if not stored.key.endswith("-Manifest.json"):
            continue
        if found := EXPORT.fullmatch(stored.key):
            base = found["base"]
            yield _Found(stored, base.rstrip("/"), found["name"], found["period"], found["run"], base, "data/BILLING_PERIOD=")
        elif found := LEGACY.fullmatch(stored.key):
            base, period = found["base"], f"{found['year']}-{found['month']}"
            yield _Found(stored, base.rstrip("/"), found["name"], period, found["run"], base, f"{found['range']}/")


def _current(found: list[_Found]) -> list[_Found]:
    """Return one manifest for each period: the newest run; the copy at the top of a legacy report points at it already."""
    best: dict[str, _Found] = {}
    for each in found:
        other = best.get(each.period)
        if other is None or _rank(each) > _rank(other):
            best[each.period] = each
    return list(best.values())


def _rank(found: _Found) -> tuple[bool, datetime, str]:
    legacy_top = found.run is None and not found.anchor.startswith("data/")
    return legacy_top, found.made_at, found.stored.key


def _bundle(shelf: Shelf, found: _Found, refusals: list[str]) -> Bundle | None:
    what = shelf.address(found.stored.key)
    content = shelf.manifest(found.stored)
    if content is None:
        return Bundle(found.period, found.made_at, what, (), waiting=f"{found.stored.name} is no readable JSON yet")
    entries: list[object] = next((content[name] for name in LISTS if isinstance(content.get(name), list)), [])
    if not entries:
        return Bundle(found.period, found.made_at, what, (), waiting=f"{found.stored.name} names no data files")
    try:
        parts, waiting = whole(shelf, [part_of(entry, shelf, found.base, found.anchor) for entry in entries])
    except RefusedError as reason:
        refusals.append(refused(shelf, found.stored, reason))
        return None
    other = _period_of(content)
    if other is not None and other != found.period:
        waiting = f"{found.stored.name} speaks of {other} but lies in the folder of {found.period}"
    return Bundle(found.period, found.made_at, what, parts, waiting=waiting)


def _period_of(content: dict[str, Any]) -> str | None:
    given = content.get("billingPeriod")
    start = given.get("start") if isinstance(given, dict) else given
    found = re.match(r"(\d{4})-?(\d\d)", start) if isinstance(start, str) else None
    return f"{found[1]}-{found[2]}" if found else None


def _unannounced(shelf: Shelf, told: set[str]) -> Iterator[Bundle]:
    """Data of a month that no manifest speaks of yet is a delivery under way; a copy without any manifest is just files."""
    if shelf.is_copy and not told:
        return
    for stored in shelf.objects.values():
        found = DATA.match(stored.key)
        if found and found["period"] not in told and shelf.export in (None, found["base"].rstrip("/").rpartition("/")[2]):
            told.add(found["period"])
            waiting = f"the data of {found['period']} has no manifest yet"
            yield Bundle(found["period"], stored.modified, shelf.address(found[0].rstrip("/")), (), waiting=waiting)
