"""From an entry of the sources section, or an address on the command line, to a source that can be read: one table."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

from finops.configuration.rulebook_sources import SourceSettings
from finops.errors import UserError, close_to, meant
from finops.ports import Source
from finops.rulebook import Rulebook
from finops.settings import Settings
from finops.sources.objects import ObjectStore
from finops.sources.objects_source import ObjectSource

ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True)
class Surroundings:
    """What a connector may need beside its own entry."""

    settings: Settings
    rulebook: Rulebook
    now: datetime


@dataclass(frozen=True)
class Connector:
    """How a source of one kind is made, and how far back its first run looks (None: to the beginning)."""

    make: Callable[[SourceSettings, Surroundings], Source]
    history: timedelta | None = None


def source(entry: SourceSettings, given: Surroundings) -> Source:
    """Return the source of an entry. Raises UserError for a kind that has no connector, SourceError for an address it cannot have."""
    return connector(entry).make(entry, given)


def connector(entry: SourceSettings) -> Connector:
    kind = entry.kind or ""
    if kind not in CONNECTORS:
        known = ", ".join(CONNECTORS)
        raise UserError(f"'{kind}' is no kind of source; use {known}.{meant(kind, CONNECTORS)}", did_you_mean=close_to(kind, CONNECTORS))
    return CONNECTORS[kind]


def configured(entries: Iterable[SourceSettings]) -> list[SourceSettings]:
    """Return the entries that say where bills come from; the others only say when their days are whole."""
    return [entry for entry in entries if entry.kind in CONNECTORS]


def is_address(place: str) -> bool:
    return ADDRESS.match(place) is not None


def is_remote(kind: str, place: str) -> bool:
    """Whether a place is to be asked rather than opened: an address, or a table where bills are tables."""
    if kind != "gcp" or is_address(place):
        return is_address(place)
    from finops.sources.gcp_bigquery import is_table

    return not Path(place).exists() and is_table(place)


def doubts(entries: Iterable[SourceSettings]) -> list[str]:
    """Return what is allowed and probably counts money twice."""
    listed = list(entries)
    exports = [each.name for each in listed if each.kind == "aws"]
    light = [each.name for each in listed if each.kind == "cost-explorer"]
    return [
        f"sources '{one}' (cost-explorer) and '{other}' (aws) count the same money twice if they are of the same account; keep '{other}'"
        for one in light
        for other in exports
    ]


def _objects(entry: SourceSettings, given: Surroundings) -> Source:
    store, prefix = _store(entry, given)
    return ObjectSource(entry.name, entry.kind or "focus", store, prefix, export=entry.option("export"), origin=entry.option("origin"))


def _store(entry: SourceSettings, given: Surroundings) -> tuple[ObjectStore, str]:
    """Return the store an address is in and the prefix there; what is no address is a folder beside budgets.yaml."""
    place = entry.location or ""
    if place.startswith("s3://"):
        from finops.sources import aws_s3

        bucket, prefix = aws_s3.bucket_of(place)
        return aws_s3.S3(bucket, dict(entry.options)), prefix
    if place.startswith(("az://", "https://")):
        from finops.sources import azure_blob

        blobs = azure_blob.place_of(place)
        return azure_blob.Blobs(blobs, entry.option("endpoint"), given.settings.azure_storage_connection_string), blobs.path
    if place.startswith("gs://"):
        from finops.sources import google_storage

        bucket, prefix = google_storage.bucket_of(place)
        return google_storage.GoogleStorage(bucket), prefix
    if is_address(place):
        scheme = place.partition("://")[0]
        raise UserError(f"'{scheme}://' is no kind of address; use s3://, az://, gs:// or a folder.{meant(scheme, ('s3', 'az', 'gs'))}")
    return _folder(given.settings.config / Path(place).expanduser())


def _folder(place: Path) -> tuple[ObjectStore, str]:
    from finops.sources.folder import Folder

    return Folder(place), place.name if place.is_file() else ""


def _cost_explorer(entry: SourceSettings, given: Surroundings) -> Source:
    from finops.sources.cost_explorer import CostExplorer

    return CostExplorer(entry.name, dict(entry.options), given.now)


def _anthropic(entry: SourceSettings, given: Surroundings) -> Source:
    from finops.pricing.book import PriceBook
    from finops.sources.anthropic import anthropic_bills
    from finops.sources.llm_bills import list_price

    price = list_price(PriceBook(given.rulebook.prices), "Anthropic")
    settings = given.settings
    bills = anthropic_bills(entry.name, settings.anthropic_admin_key, settings.anthropic_base_url, given.now, list_cost=price)
    return cast(Source, bills)


def _openai(entry: SourceSettings, given: Surroundings) -> Source:
    from finops.pricing.book import PriceBook
    from finops.sources.llm_bills import list_price
    from finops.sources.openai import openai_bills

    price = list_price(PriceBook(given.rulebook.prices), "OpenAI")
    settings = given.settings
    return cast(Source, openai_bills(entry.name, settings.openai_admin_key, settings.openai_base_url, given.now, list_cost=price))


def _gcp(entry: SourceSettings, given: Surroundings) -> Source:
    from finops.sources import gcp_bigquery

    place = entry.location or ""
    if "/" in place and not place.startswith("bigquery://"):  # files that were extracted: a bucket or a folder
        return _objects(entry, given)
    others = (each.location or "" for each in configured(given.rulebook.sources) if each.kind == "gcp")
    if twins := gcp_bigquery.same_money(dict.fromkeys(map(gcp_bigquery.address, (place, *others)))):
        raise UserError(twins[0])
    most = entry.option("max_bytes")
    return gcp_bigquery.gcp_bills(
        entry.name,
        gcp_bigquery.address(place),
        given.now,
        project=entry.option("project"),
        location=entry.option("location"),
        endpoint=entry.option("endpoint"),
        max_bytes=int(most) if most else gcp_bigquery.MOST_BYTES,
    )


# Kind of source → how it is made; what each may be told stands in finops.configuration.rulebook_sources.
CONNECTORS: Final[Mapping[str, Connector]] = {
    "aws": Connector(_objects),
    "azure": Connector(_objects),
    "focus": Connector(_objects),
    "gcp": Connector(_gcp, history=timedelta(days=400)),
    "cost-explorer": Connector(_cost_explorer, history=timedelta(days=365)),
    "anthropic": Connector(_anthropic, history=timedelta(days=365)),
    "openai": Connector(_openai, history=timedelta(days=365)),
}
