"""What is live at the moment of a question: files, how far bills reach, where estimates give way, which bills usage can split."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, select

from finops.completeness import Growth, Seen, learn, midnight
from finops.ledger import catalog
from finops.ledger.catalog import LiveFile
from finops.ledger.splits import measured_by
from finops.ledger.tables import coverage
from finops.periods import DAY, Period, runs
from finops.providers import provider_name

LEARNING_DAYS = 60
Covers = Mapping[str, Mapping[str, set[date]]]  # load → provider as we spell it → days


@dataclass(frozen=True)
class Habits:
    """How the days of each source grow, and on which days it has charges."""

    growths: Mapping[str, Growth]
    days: Mapping[str, Sequence[date]]


@dataclass(frozen=True)
class Manifest:
    """All files that could answer, and what was learnt of their sources.

    Of one provider and day either the estimates count or the bill: `billed` names the days (by provider, as we spell it) whose
    estimates give way, `unfinished` those (as bills spell it) on which the bill does, since it came before the day was over.
    """

    files: Sequence[LiveFile]
    habits: Habits
    billed: Mapping[str, tuple[Period, ...]] = field(default_factory=dict)
    unfinished: Mapping[str, tuple[Period, ...]] = field(default_factory=dict)
    splits: Mapping[str, tuple[LiveFile, Sequence[LiveFile]]] = field(default_factory=dict)  # bill → itself, the usage that splits it

    def files_of(self, span: Period) -> list[LiveFile]:
        """Return the files with charge days in `span`."""
        return [file for file in self.files if file.first_day < span.end and file.last_day >= span.start]


def read_manifest(connection: Connection, until: datetime, known_at: datetime | None = None) -> Manifest:
    """Read what is live, or was delivered by `known_at`, and learn of the days before `until`."""
    files = catalog.live_files(connection, known_at)
    habits = habits_of(catalog.observed(connection, until.date() - DAY * LEARNING_DAYS))
    usage = [file for file in files if file.kind == "usage"]
    if not usage:
        return Manifest(files, habits)
    covers = catalog.coverage_of(connection, {file.load_id for file in files})
    bills = [file for file in files if file.kind == "bill"]
    billed, unfinished = told_days(bills, usage, covers)
    spelt = _spellings(connection, {file.load_id for file in bills}, unfinished) if unfinished else {}
    return Manifest(files, habits, _runs(billed), _runs(spelt), splits_of(bills, usage, covers))


def told_days(bills: Iterable[LiveFile], usage: Iterable[LiveFile], covers: Covers) -> tuple[dict[str, set[date]], dict[str, set[date]]]:
    """Return by provider the days on which a bill counts, and those on which its measured usage does because the day went on."""
    measured: dict[str, set[date]] = defaultdict(set)
    for file in usage:
        for provider, days in covers.get(file.load_id, {}).items():
            measured[provider] |= days
    whole: dict[str, set[date]] = defaultdict(set)
    begun: dict[str, set[date]] = defaultdict(set)
    for file in bills:
        for provider, days in covers.get(file.load_id, {}).items():
            ended = {day for day in days if midnight(day + DAY) <= file.delivered_at}
            whole[provider] |= ended
            begun[provider] |= days - ended
    unfinished = {provider: days & measured.get(provider, set()) - whole[provider] for provider, days in begun.items()}
    billed = {provider: whole[provider] | begun[provider] - unfinished.get(provider, set()) for provider in {*whole, *begun}}
    return billed, {provider: days for provider, days in unfinished.items() if days}


def splits_of(bills: Iterable[LiveFile], usage: Sequence[LiveFile], covers: Covers) -> dict[str, tuple[LiveFile, Sequence[LiveFile]]]:
    """Return of each bill's file that measured usage may split itself and the files of that usage."""
    found = {file.path: (file, measured_by(usage, covers.get(file.load_id, {}), covers)) for file in bills}
    return {path: (file, measured) for path, (file, measured) in found.items() if measured}


def habits_of(seen: Sequence[catalog.Observed]) -> Habits:
    """Learn from what every delivery said of each day."""
    grouped: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        grouped[one.source].append(Seen(one.day, one.currency, one.delivered_at, one.effective))
    learnt = {source: growth for source, figures in grouped.items() if (growth := learn(figures)) is not None}
    return Habits(learnt, {source: [figure.day for figure in figures] for source, figures in grouped.items()})


def _spellings(connection: Connection, loads: Collection[str], days: Mapping[str, set[date]]) -> dict[str, set[date]]:
    """Return the days under each name that these bills write for their provider."""
    written = {
        row.provider for row in connection.execute(select(coverage.c.load_id, coverage.c.provider).distinct()) if row.load_id in loads
    }
    return {name: days[provider_name(name)] for name in sorted(written) if provider_name(name) in days}


def _runs(days: Mapping[str, set[date]]) -> dict[str, tuple[Period, ...]]:
    return {provider: runs(covered) for provider, covered in days.items() if covered}
