"""A source of bills in an object store or folder: finds the newest delivery of each month and brings its files here."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

from finops.deliveries import Progress
from finops.errors import SourceError
from finops.ports import Fetched, Offer
from finops.sources.downloads import bring
from finops.sources.objects import EVERY, Bundle, ObjectStore, Shelf, Stored
from finops.sources.objects_aws import aws_bundles
from finops.sources.objects_azure import azure_bundles
from finops.sources.objects_plain import plain_bundles
from finops.sources.retries import Backoff, BrokenOffError, again

Layout = Callable[[Shelf, Callable[[str], bool], list[str]], list[Bundle]]

# Kind of source → the layouts its location may have, the first that is found counts; without any, its files are plain ones.
LAYOUTS: Final[dict[str, tuple[Layout, ...]]] = {
    "aws": (aws_bundles,),
    "azure": (azure_bundles,),
    "focus": (aws_bundles, azure_bundles),
    "gcp": (),
}


class ObjectSource:
    """Bills of one `kind` below `prefix` of a store; see finops.ports.Source."""

    def __init__(
        self,
        name: str,
        kind: str,
        store: ObjectStore,
        prefix: str,
        *,
        export: str | None = None,
        origin: str | None = None,
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
    ) -> None:
        self.name = name
        self.kind = kind
        self.permissions = store.permissions
        self._store = store
        self._prefix = prefix.strip("/")
        self._export = export
        self._origin = origin
        self._backoff = backoff
        self._known: dict[str, Bundle] = {}

    @property
    def where(self) -> str:
        return f"{self._store.root}/{self._prefix}".rstrip("/")

    def offers(self, since: date) -> Iterator[Offer]:
        """Yield the newest delivery of each month that ends after `since`; raises SourceError at the end for what was refused."""
        refusals: list[str] = []
        for bundle in self._bundles(lambda period: ends(period) > since, refusals):
            self._known[bundle.id] = bundle
            yield Offer(bundle.id, bundle.period, bundle.delivered_at, bundle.what, bundle.waiting)
        if refusals:
            raise SourceError("; ".join(refusals))

    def fetch(self, offer: Offer, folder: Path, progress: Progress | None = None) -> Fetched:
        bundle = self._known.get(offer.id)
        if bundle is None:
            raise SourceError(f"{offer.what} is not on offer any more; ask '{self.name}' again what there is")
        if bundle.waiting:
            raise SourceError(f"{offer.what} cannot be taken yet: {bundle.waiting}")
        paths = bring(self._store, bundle.parts, folder, self._backoff, progress, bundle.labels)
        return Fetched(paths, bundle.format or self.kind, bundle.rows)

    def problems(self) -> list[str]:
        try:
            objects = self._listed()
            if not objects:
                return [f"{self.where} holds no bills; check the spelling, or wait for the first export"]
            readable = next((each for each in objects.values() if each.size), None)
            if readable:
                again(lambda: next(iter(self._store.stream(readable, readable.size - 1)), b""), self._backoff)
            self._bundles(lambda _period: False, [])
        except (SourceError, BrokenOffError) as problem:
            return [str(problem)]
        return []

    def _bundles(self, wanted: Callable[[str], bool], refusals: list[str]) -> list[Bundle]:
        objects = self._listed()
        if not objects:
            raise SourceError(f"{self.where} holds no bills; check the spelling, or wait for the first export")
        shelf = Shelf(self._store, objects, self._read, self._origin, self._export)
        seen: list[str] = []

        def counted(period: str) -> bool:
            seen.append(period)
            return wanted(period)

        for layout in LAYOUTS[self.kind]:
            found = layout(shelf, counted, refusals)
            if found or seen or refusals:
                return found
        if self._export:
            raise SourceError(f"{self.where} holds no export '{self._export}'; check 'export' of source '{self.name}'")
        found = plain_bundles(shelf, counted)
        if not found and not seen:
            raise SourceError(f"{self.where} holds no bills among its {len(objects):,} files; check that it is the export's folder")
        return found

    def _listed(self) -> dict[str, Stored]:
        return again(self._list, self._backoff)

    def _list(self) -> dict[str, Stored]:
        """List the folder of the prefix; where there is none, the prefix may be a file."""
        below = f"{self._prefix}/" if self._prefix else ""
        found = {each.key: each for each in self._store.list(below)}
        if not found and self._prefix:
            found = {each.key: each for each in self._store.list(self._prefix) if each.key == self._prefix}
        return {key: each for key, each in found.items() if not key.endswith("/")}

    def _read(self, stored: Stored) -> bytes:
        return again(lambda: b"".join(self._store.stream(stored, 0)), self._backoff)


def ends(period: str) -> date:
    """Return the day after the last of a month."""
    if period == EVERY:
        return date.max
    year, month = int(period[:4]), int(period[5:7])
    return date(year + month // 12, month % 12 + 1, 1)
