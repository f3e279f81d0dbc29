"""Proves the audit, live or exported: the chain entry by entry, then every checkpoint that was signed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from finops.errors import UserError
from finops.ledger.audit import entries
from finops.ledger.audit_chain import FIRST, Checked, Entry, Keys, check_chain, exact, read_entry, summed
from finops.ledger.audit_export import HEADER, Heading, read_heading
from finops.ledger.checkpoints import WRITTEN, Checkpoint, parse_checkpoint, public_keys, signed_by

LONGEST_LINE: Final = 10_000_000


@dataclass(frozen=True)
class Proof:
    """What was checked and what is wrong; `notes` tell what could not be proven."""

    entries: int
    head: str
    checkpoints: int
    public_key: str | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.problems


@dataclass
class _Marks:
    """Compares the chain with its checkpoints while it passes by."""

    checkpoints: Sequence[Checkpoint]
    heads: dict[int, str] = field(default_factory=dict)
    noted: dict[str, Entry] = field(default_factory=dict)
    contents: dict[tuple[int, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open = {(one.since, one.size): sha256() for one in self.checkpoints}
        self._sizes = {one.size for one in self.checkpoints}

    def pass_by(self, entry: Entry) -> None:
        if entry.seq in self._sizes:
            self.heads[entry.seq] = entry.hash
        for span in [span for span in self._open if span[0] < entry.seq]:
            self._open[span].update(exact(entry))
            if entry.seq == span[1]:
                self.contents[span] = self._open.pop(span).hexdigest()
        if entry.action == WRITTEN:
            self.noted[str(json.loads(entry.detail).get("digest"))] = entry


def verify(engine: Engine, keys: Keys, checkpoints: Sequence[Checkpoint]) -> Proof:
    """Prove the live audit against the checkpoints kept outside of the database."""
    with engine.connect() as connection:
        return prove(entries(connection), [checkpoints], keys, public_keys(keys))


def verify_file(path: Path, keys: Keys | None, outside: Sequence[Checkpoint] = ()) -> Proof:
    """Prove an export against the checkpoints in it and those from `outside`; without keys, by the public key alone."""
    ours = public_keys(keys) if keys else []
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            heading, lines = _heading(file, path), _lines(file, path)
            problems, trusted = _heading_problems(heading, ours)
            rows, inside = _sorted(lines)
            proof = prove(rows, [inside, [one for one in outside if one.at <= heading.at]], keys, trusted)
    except OSError as problem:
        raise UserError(f"{path} cannot be read ({problem}); give a file that finops-bot audit export wrote") from problem
    except ValueError as problem:
        return Proof(0, FIRST, 0, next(iter(ours), None), (f"{path.name}: {problem}",))
    if (heading.size, heading.head) != (proof.entries, proof.head) and not proof.problems:
        problems += [f"the export ends with entry {proof.entries}, and its heading says {heading.size}: its end was cut or added to"]
    if heading.content != summed(rows)[1] and not problems and not proof.problems:
        problems += ["an entry of the export was changed: together they are not what its heading signed; the key of the chain tells which"]
    if heading.checkpoints != len(inside):
        problems += [f"{len(inside)} checkpoints are in the export, and its heading says {heading.checkpoints}"]
    notes = () if ours else (f"the heading is signed with {heading.key}; compare this with the public key you were given",)
    return Proof(proof.entries, proof.head, proof.checkpoints, proof.public_key, (*problems, *proof.problems), (*proof.notes, *notes))


def prove(rows: Iterable[Entry], books: Sequence[Sequence[Checkpoint]], keys: Keys | None, trusted: Sequence[str]) -> Proof:
    """Follow the chain, and say of each checkpoint in each book whether the chain is still the one it signed."""
    checkpoints = list({one.digest + one.signature: one for book in books for one in book}.values())
    marks = _Marks(checkpoints)
    checked = check_chain(rows, keys, marks.pass_by)
    problems = [checked.problem] if checked.problem else []
    problems += [problem for one in checkpoints if (problem := _checkpoint_problem(one, marks, checked, trusted))]
    problems += list(dict.fromkeys(problem for book in books for problem in _breaks(book)))
    if not checked.problem:
        problems += _unsigned(marks, checkpoints)
    return Proof(
        checked.entries, checked.head, len(checkpoints), next(iter(trusted), None), tuple(problems), _notes(checked, checkpoints, keys)
    )


def _checkpoint_problem(one: Checkpoint, marks: _Marks, checked: Checked, trusted: Sequence[str]) -> str | None:
    name = f"the checkpoint of {one.at} over {one.size} entries"
    if not signed_by(one.signed_text(), one.signature, one.key):
        return f"{name} was changed: its signature does not fit"
    if one.key not in trusted:
        return f"{name} is signed with another key ({one.key})"
    if checked.problem:  # the first bad entry is named; what lies behind it proves nothing
        return None
    if one.size > checked.entries:
        return f"entries {checked.entries + 1} to {one.size} are missing: {name} signed them"
    if marks.heads.get(one.size) != one.head:
        return f"entry {one.size} is not the one that {name} signed: the chain was made anew"
    if one.since < one.size and marks.contents.get((one.since, one.size)) != one.content:
        return f"entries {one.since + 1} to {one.size} are not those that {name} signed"
    return None


def _breaks(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Find checkpoints that do not follow the one before them: one between was taken out."""
    before = [FIRST, *(one.digest for one in checkpoints)]
    wrong = [one for digest, one in zip(before, checkpoints, strict=False) if one.previous != digest]
    return [f"a checkpoint before the one of {one.at} over {one.size} entries is missing" for one in wrong]


def _unsigned(marks: _Marks, checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Find checkpoints that the audit tells of and that are gone."""
    known = {one.digest for one in checkpoints}
    gone = [entry for digest, entry in marks.noted.items() if digest not in known]
    return [f"the checkpoint of {entry.at:%Y-%m-%d %H:%M:%S}Z over {entry.object} entries is missing, entry {entry.seq}" for entry in gone]


def _notes(checked: Checked, checkpoints: Sequence[Checkpoint], keys: Keys | None) -> tuple[str, ...]:
    notes = []
    last = max((one.size for one in checkpoints), default=0)
    if keys is None:
        notes.append("without the key of the chain, entries are proven by what the heading and the checkpoints signed")
    if checked.unproven:
        notes.append(f"{checked.unproven} entries were written without a key: whoever could write the database could write them")
    if checked.entries > last:
        notes.append(f"the last {checked.entries - last} entries are in no checkpoint yet")
    return tuple(notes)


def _heading(file: Iterator[str], path: Path) -> Heading:
    line = next(file, "")
    try:
        return read_heading(json.loads(line)[HEADER])
    except (ValueError, KeyError, TypeError) as problem:
        raise UserError(f"{path} is not an export of the audit; give a file that finops-bot audit export wrote") from problem


def _heading_problems(heading: Heading, ours: Sequence[str]) -> tuple[list[str], Sequence[str]]:
    """Return what is wrong, and the public keys that the rest is judged by."""
    if not signed_by(heading.signed_text(), heading.signature, heading.key):
        return ["the heading of the export was changed: its signature does not fit"], ours or [heading.key]
    if ours and heading.key not in ours:
        return [f"the export is signed with another key ({heading.key})"], ours
    return [], ours or [heading.key]


def _lines(file: Iterator[str], path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 2):
        try:
            found = json.loads(line)
        except ValueError as problem:
            raise ValueError(f"line {number} is not JSON: it was changed") from problem
        if not isinstance(found, dict) or not line.endswith("\n"):
            raise ValueError(f"line {number} is not whole: it was changed")
        if json.dumps(found, ensure_ascii=False, sort_keys=True) + "\n" != line:
            raise ValueError(f"line {number} is not as the export writes it: it was changed")
        yield found


def _sorted(lines: Iterable[dict[str, Any]]) -> tuple[list[Entry], list[Checkpoint]]:
    rows: list[Entry] = []
    found: list[Checkpoint] = []
    for number, line in enumerate(lines, 2):
        try:
            if set(line) == {"checkpoint"}:
                found.append(parse_checkpoint(line["checkpoint"]))
                continue
            rows.append(read_entry(line))
            if found:
                raise ValueError("an entry comes after a checkpoint")
        except (ValueError, TypeError) as problem:
            raise ValueError(f"line {number} was changed: {problem}") from problem
    return rows, found
