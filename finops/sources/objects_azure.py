"""How Azure Cost Management lays its exports out: each run is the whole month to date, so only the newest run of a month counts."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from finops.errors import SourceError
from finops.sources.bills import ENDINGS
from finops.sources.objects import Bundle, RefusedError, Shelf, Stored, only_one, part_of, refused, whole

RANGE: Final = re.compile(r"(?P<base>(?:.*/)?)(?P<range>(?P<start>\d{8})-(?P<end>\d{8}))/(?:(?P<run>\d{12})/)?")
TYPES: Final = {"focuscost": "focus", "actualcost": "actual", "amortizedcost": "amortised", "usage": "actual"}
FORMATS: Final = {"focus": "focus", "actual": "azure", "amortised": "azure"}


@dataclass(frozen=True)
class Run:
    """One run of one export: what it covers (`scope`), which view of the costs it is (`type`), and its files."""

    scope: str
    export: str
    type: str
    period: str
    at: datetime
    what: str
    parts: tuple[Stored, ...]
    rows: int | None = None
    waiting: str | None = None


def azure_bundles(shelf: Shelf, wanted: Callable[[str], bool], refusals: list[str]) -> list[Bundle]:
    """Return the newest delivery of each wanted month: FOCUS where it is exported, otherwise actual and amortised costs as one."""
    told = [run for run in _told(shelf, refusals) if run.type]
    runs = [run for run in told or _untold(shelf) if shelf.export in (None, run.export)]
    _apart(runs, shelf)
    by_period: dict[str, dict[tuple[str, str], Run]] = defaultdict(dict)
    for run in runs:
        best = by_period[run.period].get((run.scope, run.type))
        if best is None or (run.at, run.what) > (best.at, best.what):
            by_period[run.period][run.scope, run.type] = run
    return [_bundle(period, list(by_period[period].values()), shelf) for period in sorted(by_period) if wanted(period)]


def _apart(runs: Iterable[Run], shelf: Shelf) -> None:
    """Subscriptions beside each other are other money; a billing account and a subscription may be the same."""
    scopes = {run.scope for run in runs}
    levels = {scope if scope.startswith("?") else tuple(scope.strip("/").split("/")[::2]) for scope in scopes}
    if len(levels) > 1:
        only_one((run.export for run in runs), shelf)
        raise SourceError(
            f"{shelf.store.root} holds exports of {' and of '.join(sorted(scopes)[:3])}, which may bill the same money; keep one"
        )


def _bundle(period: str, runs: list[Run], shelf: Shelf) -> Bundle:
    chosen = _chosen(runs)
    if chosen is None:
        scopes = " and ".join(sorted({run.scope for run in runs})[:3])
        raise SourceError(f"{shelf.store.root} holds FOCUS exports of some scopes only in {period} ({scopes}); export all of them alike")
    chosen = sorted(chosen, key=lambda run: (run.scope, run.type))
    waiting = "; ".join(run.waiting for run in chosen if run.waiting) or None
    rows = [run.rows for run in chosen]
    return Bundle(
        period=period,
        delivered_at=max(run.at for run in chosen),
        what=" and ".join(run.what for run in chosen[:4]),
        parts=tuple(part for run in chosen for part in run.parts),
        format=FORMATS[chosen[0].type],
        rows=None if any(count is None for count in rows) else sum(count or 0 for count in rows),
        waiting=waiting,
        labels=tuple(run.type for run in chosen for _ in run.parts),
    )


def _chosen(runs: list[Run]) -> list[Run] | None:
    """Return the runs of one view that every scope has; None where there is no such view."""
    scopes = {run.scope for run in runs}
    focus = [run for run in runs if run.type == "focus"]
    if {run.scope for run in focus} == scopes:
        return focus
    costs = [run for run in runs if run.type != "focus"]
    return costs if {run.scope for run in costs} == scopes else None


def _told(shelf: Shelf, refusals: list[str]) -> Iterator[Run]:
    for stored in shelf.objects.values():
        if stored.name.lower() != "manifest.json":
            continue
        content = shelf.manifest(stored)
        run = _run(shelf, stored, content) if content is not None else _unreadable(shelf, stored)
        if run is None:
            continue
        if run.parts or run.waiting or content is None:
            yield run
            continue
        try:
            yield _filled(shelf, stored, run, content)
        except RefusedError as reason:
            refusals.append(refused(shelf, stored, reason))


def _unreadable(shelf: Shelf, stored: Stored) -> Run | None:
    """A manifest that is no JSON holds its month up, for nobody knows what it announces."""
    found = RANGE.match(stored.key)
    if not found:
        return None
    base = found["base"].rstrip("/")
    waiting = f"{shelf.address(stored.key)} is no readable JSON yet"
    period = f"{found['start'][:4]}-{found['start'][4:6]}"
    return Run(base, base.rpartition("/")[2], _guess(base), period, _stamp(found["run"]) or stored.modified, waiting, (), None, waiting)


def _run(shelf: Shelf, stored: Stored, content: dict[str, Any]) -> Run | None:
    """Return what a manifest says of itself; None for one of something else than costs."""
    config, info = _group(content, "exportConfig"), _group(content, "runInfo")
    kind = TYPES.get(str(config.get("type", "")).lower())
    if kind is None:
        return None
    found = RANGE.match(stored.key)
    start = str(info.get("startDate") or (found["start"] if found else ""))
    end = str(info.get("endDate") or (found["end"] if found else ""))
    period, last = _month(start), _month(end)
    at = _moment(info.get("submittedTime")) or _stamp(found["run"] if found else None) or stored.modified
    waiting = None
    if period is None or (last is not None and last != period):
        period, waiting = period or "0000-00", f"{stored.name} covers {start} to {end}; export month by month"
    export = str(config.get("exportName") or (found["base"].rstrip("/").rpartition("/")[2] if found else ""))
    scope = re.sub(r"/providers/microsoft\.costmanagement/exports/.*", "", str(config.get("resourceId") or "").lower())
    return Run(scope, export, kind, period, at, shelf.address(stored.key), (), _count(content, "dataRowCount"), waiting)


def _filled(shelf: Shelf, stored: Stored, run: Run, content: dict[str, Any]) -> Run:
    blobs = content.get("blobs")
    entries = blobs if isinstance(blobs, list) else []
    count = _count(content, "blobCount")
    if count is not None and count != len(entries):
        return replace(run, waiting=f"{run.what} announces {count} files and names {len(entries)}")
    if not entries:
        return replace(run, waiting=f"{run.what} names no files")
    found = RANGE.match(stored.key)
    base, anchor = (found["base"], f"{found['range']}/") if found else (stored.key.removesuffix(stored.name), "\0")
    parts, waiting = whole(shelf, [part_of(entry, shelf, base, anchor) for entry in entries])
    return replace(run, parts=parts, waiting=waiting)


def _untold(shelf: Shelf) -> Iterator[Run]:
    """Older exports write no manifest: the files of one run folder, or a single file, are a run."""
    groups: dict[tuple[str, str, str], list[Stored]] = defaultdict(list)
    for stored in shelf.objects.values():
        found = RANGE.match(stored.key)
        if found and stored.name.lower().endswith(ENDINGS) and "manifest" not in stored.name.lower():
            rest = stored.key[found.end("range") + 1 :]
            folder = rest.rpartition("/")[0] or rest
            groups[found["base"].rstrip("/"), found["range"], folder].append(stored)
    for (base, days, folder), parts in sorted(groups.items()):
        at = _stamp(folder.partition("/")[0]) or max(part.modified for part in parts)
        empty = next((f"{part.key} is empty" for part in parts if not part.size), None)
        what = shelf.address(f"{base}/{days}/{folder}" if base else f"{days}/{folder}")
        export = base.rpartition("/")[2]
        scope = "?" + re.sub("actual|amorti[sz]ed|focus|cost|[-_ ]", "", base.lower())
        yield Run(scope, export, _guess(base), f"{days[:4]}-{days[4:6]}", at, what, tuple(parts), waiting=empty)


def _guess(base: str) -> str:
    name = base.lower()
    return "focus" if "focus" in name else "amortised" if "amorti" in name else "actual"


def _group(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _count(content: dict[str, Any], name: str) -> int | None:
    found = content.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _month(text: str) -> str | None:
    found = re.match(r"(20\d\d)-?(0[1-9]|1[0-2])", text)
    return f"{found[1]}-{found[2]}" if found else None


def _moment(text: object) -> datetime | None:
    """Read what Azure writes, seven decimals and all."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", text) if isinstance(text, str) else None
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def _stamp(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
