"""What `finops-bot ingest KIND …` does for each kind: one table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bot.assemble import Tools
from bot.capacity import ingest_capacity
from finops.configuration.rulebook_sources import SOURCE_KINDS, SourceSettings
from finops.deliveries import Load, Progress
from finops.errors import SourceError, UserError, close_to, meant
from finops.sources.connect import CONNECTORS, Surroundings, is_remote
from finops.sources.formats import KINDS as BILLS
from finops.sources.objects_azure import RANGE
from finops.telling.answer_json import amount
from jobs.ingest_bills import delivered, ingest_files
from jobs.taking import Ingested, Taking, take_entry


@dataclass(frozen=True)
class Order:
    """What was typed: `places` are paths or addresses, `options` NAME=VALUE as in the sources section."""

    kind: str
    places: tuple[str, ...]
    source: str | None
    delivered_at: datetime | None
    as_of: datetime
    accept: bool
    options: tuple[str, ...] = ()


Ingest = Callable[[Tools, Order, Progress], Ingested]


def ingest(tools: Tools, order: Order, progress: Progress) -> Ingested:
    """Do it. Raises UserError for an unknown kind, and the first failure where nothing at all could be taken."""
    if order.kind not in KINDS:
        known = ", ".join(KINDS)
        raise UserError(
            f"'{order.kind}' cannot be ingested; use {known}.{meant(order.kind, KINDS)}", did_you_mean=close_to(order.kind, KINDS)
        )
    done = KINDS[order.kind](tools, order, progress)
    if done.failures and not done.loads:
        raise SourceError("; ".join(done.failures))
    return done


def document(done: Ingested) -> dict[str, Any]:
    return {"loads": [_line(load) for load in done.loads], "notes": list(done.notes), "problems": list(done.failures)}


def _line(load: Load) -> dict[str, Any]:
    return {
        "source": load.source,
        "period": load.period,
        "rows": load.rows,
        "billed_cost": amount(load.billed_cost),
        "effective_cost": amount(load.effective_cost),
        "currency": load.currency,
        "status": load.status,
        "reason": load.reason,
    }


def _bills(tools: Tools, order: Order, progress: Progress) -> Ingested:
    """Files and plain folders are one delivery together; each address, and each folder with manifests, is asked by itself."""
    files = [place for place in order.places if not (is_remote(order.kind, place) or _is_export(order.kind, Path(place)))]
    entries = [_entry(tools, order, place) for place in order.places if place not in files]
    if not order.places:
        entries = [_entry(tools, order, None)]
    done = [_asked(tools, order, entry, progress) for entry in entries]
    if files:
        delivery = delivered(order.delivered_at, tools.now(), "terminal", accept=order.accept)
        paths = [Path(place) for place in files]
        done.append(ingest_files(tools.ledger, paths, order.kind, delivery=delivery, source=order.source, progress=progress))
    return _together(done)


def _asked(tools: Tools, order: Order, entry: SourceSettings, progress: Progress) -> Ingested:
    how = Taking(
        now=tools.now(), actor="terminal", everything=True, accept=order.accept, delivered_at=order.delivered_at, progress=progress
    )
    return take_entry(tools.ledger, entry, Surroundings(tools.settings, tools.rulebook, tools.now()), how)


def _entry(tools: Tools, order: Order, place: str | None) -> SourceSettings:
    """Return the entry of budgets.yaml that is meant, with what was typed over it; or one made of what was typed."""
    name = order.source or (_configured(tools, order.kind) if place is None else None) or order.kind
    entry = replace(tools.rulebook.source(name), kind=order.kind)
    known = tools.rulebook.source(name).kind
    if known not in (None, order.kind):
        raise UserError(f"source '{name}' in budgets.yaml is of kind '{known}', not '{order.kind}'; choose another --source")
    if place is not None:
        entry = replace(entry, location=place if is_remote(order.kind, place) else str(Path(place).absolute()))
    elif known is None and SOURCE_KINDS[order.kind].needs_place and SOURCE_KINDS[order.kind].example:
        example = SOURCE_KINDS[order.kind].example
        raise UserError(f"what shall be ingested? Give files, a folder or an address such as {example}, or name a source of budgets.yaml")
    return replace(entry, options=tuple(sorted((dict(entry.options) | _options(order)).items())))


def _configured(tools: Tools, kind: str) -> str | None:
    """Return the one source of a kind in budgets.yaml: under another name its bills would count twice."""
    named = [each.name for each in tools.rulebook.sources if each.kind == kind]
    return named[0] if len(named) == 1 else None


def _options(order: Order) -> dict[str, str]:
    known = SOURCE_KINDS[order.kind].options
    found = dict(each.partition("=")[::2] for each in order.options)
    for name, value in found.items():
        if name not in known:
            takes = f"takes {', '.join(sorted(known))}" if known else "takes no options"
            raise UserError(f"'{name}' is no option of '{order.kind}', which {takes}.{meant(name, known)}")
        if not value:
            raise UserError(f"--option {name} needs a value, as in --option {name}=…")
    return found


def _is_export(kind: str, path: Path) -> bool:
    """Whether a folder holds an export as a cloud lays it out, with manifests or runs that replace each other."""
    if kind not in ("aws", "azure", "focus") or not path.is_dir():
        return False
    files = (each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
    return any(
        name.endswith("-Manifest.json")
        or (kind != "aws" and name.lower().endswith("manifest.json"))
        or (kind == "azure" and RANGE.match(name) is not None)
        for name in files
    )


def _together(done: Iterable[Ingested]) -> Ingested:
    parts = list(done)
    return Ingested(
        tuple(load for part in parts for load in part.loads),
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        tuple(failure for part in parts for failure in part.failures),
    )


@dataclass(frozen=True)
class _Usage(Ingested):
    """Usage is degraded, too, where requests have no price."""

    degraded: bool = False

    @property
    def is_degraded(self) -> bool:
        return self.degraded


def _usage(tools: Tools, order: Order, progress: Progress) -> Ingested:
    """Requests to language models from files of events, each priced by the price book."""
    from finops.ledger.usage_intake import take_in
    from finops.pricing.book import price_book

    if not order.places:
        raise UserError("what shall be ingested? Give files or folders of usage events, one JSON object a line")
    delivery = delivered(order.delivered_at, tools.now(), "terminal", accept=order.accept)
    book = price_book(tools.rulebook.prices)
    paths = [Path(place) for place in order.places]
    done = take_in(tools.ledger, paths, book, delivery, order.source or "usage", progress=progress)
    return _Usage(done.loads, done.notes, degraded=done.is_degraded)


# What can be ingested → how. Bills that have a connector or a format are all taken alike.
KINDS: Final[dict[str, Ingest]] = {**dict.fromkeys([*BILLS, *CONNECTORS], _bills), "usage": _usage, "capacity": ingest_capacity}
