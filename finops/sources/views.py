"""Which view of the costs a file is: as billed, or with commitments spread. Its rows tell, then its name, then its neighbours."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from finops.charges import TEXT
from finops.errors import BillError
from finops.sources.bills import Caps
from finops.sources.casts import literal
from finops.sources.mapping import CURRENCY, VIEW, Column, Mapping, Views, read, render
from finops.sources.shapes import Checked, Shape

Ask = Callable[[str], list[tuple[object, ...]]]  # runs SQL

_ASSUMED: Final = "USD"


@dataclass(frozen=True)
class Evidence:
    """What the rows of a file show of its view, and the only currency they name."""

    proofs: tuple[str, ...]
    hints: tuple[str, ...]
    currency: str | None


def viewed(shapes: Sequence[Shape], format_: Mapping, ask: Ask, caps: Caps) -> tuple[Shape, ...]:
    """Return the shapes parted by view, with the columns that no file has. Raises BillError where a file could be either view."""
    if format_.views is None:
        return tuple(shapes)
    files = {file: shape for shape in shapes for file in shape.files}
    seen = {file: _evidence(format_, format_.views, shape, file, ask, caps) for file, shape in files.items()}
    views = _decided(seen, format_.views)
    _refuse_copies(views)
    parted: dict[tuple[int, str, str | None], list[Checked]] = defaultdict(list)
    for number, shape in enumerate(shapes):
        for file in shape.files:
            parted[number, views[file], seen[file].currency].append(file)
    return tuple(_shape(shapes[number], view, currency, some) for (number, view, currency), some in parted.items())


def _refuse_copies(views: dict[Checked, str]) -> None:
    """Two exports of one month without commitments hold the same bytes; added up they would count twice."""
    known: dict[tuple[str, str], str] = {}
    for file, view in views.items():
        name = file.file.name
        if file.records and (other := known.setdefault((file.sha256, view), name)) != name:
            raise BillError(f"{other} and {name} are the same file twice; deliver one of them.")


def _shape(shape: Shape, view: str, currency: str | None, files: Iterable[Checked]) -> Shape:
    added = {VIEW: Column(literal(view), TEXT, VIEW)}
    if currency:
        added[CURRENCY] = Column(literal(currency), TEXT, CURRENCY)
    return replace(shape, files=tuple(files), header=shape.header | added, view=view)


def _evidence(format_: Mapping, views: Views, shape: Shape, file: Checked, ask: Ask, caps: Caps) -> Evidence:
    both = (views.billed, views.spread)
    tests = [f"bool_or({sql})" for view in both for sql in (view.proof, view.hint)]
    named = format_.currency or "NULL"
    facts = ", ".join([*tests, f"min(upper({named}))", f"max(upper({named}))"])
    [row] = ask(f"SELECT {render(facts, partial(read, header=shape.header))} FROM {shape.scan(caps, [file])}")
    shown = dict(zip([(view.name, what) for view in both for what in ("proof", "hint")], row, strict=False))
    first, last = row[-2:]
    return Evidence(
        proofs=tuple(view.name for view in both if shown[view.name, "proof"]),
        hints=tuple(view.name for view in both if shown[view.name, "hint"]),
        currency=_ASSUMED if first is None else str(first) if first == last else None,
    )


def _decided(seen: dict[Checked, Evidence], views: Views) -> dict[Checked, str]:
    """The view of every file: proven, named, hinted at, as its neighbours, or as all the others; without any sign, as billed."""
    markers = _markers([file.file.path for file in seen], views)
    own = {file: _own(file, evidence, markers[file.file.path]) for file, evidence in seen.items()}
    beside: dict[Path, set[str]] = defaultdict(set)
    for file, view in own.items():
        if view:
            beside[file.file.path.parent].add(view)
    everywhere = {view for view in own.values() if view}
    return {file: view or _like_others(file, beside[file.file.path.parent], everywhere, views) for file, view in own.items()}


def _own(file: Checked, evidence: Evidence, marker: str | None) -> str | None:
    if len(evidence.proofs) == 2 and marker is None:
        one, other = evidence.proofs
        raise BillError(f"{file.file.name} holds {one} and {other} costs in one file; deliver the two exports as files of their own.")
    for told in (evidence.proofs, (marker,) if marker else (), evidence.hints):
        if len(told) == 1:
            return told[0]
    return marker


def _like_others(file: Checked, beside: set[str], everywhere: set[str], views: Views) -> str:
    for known in (beside, everywhere):
        if len(known) == 1:
            return next(iter(known))
    if not everywhere:
        return views.billed.name
    names = f"'{views.billed.name}' or '{views.spread.name}'"
    raise BillError(
        f"Nothing tells whether {file.file.name} holds {views.billed.name} or {views.spread.name} costs; put {names} in its name."
    )


def _markers(paths: Sequence[Path], views: Views) -> dict[Path, str | None]:
    """What names say, from the file's own upwards, as far as the paths differ; folders they all share say nothing."""
    shared = len(Path(os.path.commonpath([path.parent for path in paths])).parts) if paths else 0
    return {path: _marker(path.parts[shared:], views) for path in paths}


def _marker(parts: Sequence[str], views: Views) -> str | None:
    for part in reversed(parts):
        told = [view.name for view in (views.billed, views.spread) if re.search(view.words, part, re.IGNORECASE)]
        if told:
            return told[0] if len(told) == 1 else None
    return None
