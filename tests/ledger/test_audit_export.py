"""An export proves itself to whoever has the key, and to whoever has the public key alone; every change to it is found."""

import csv
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from finops.errors import UserError
from finops.ledger.audit import Stamp, write
from finops.ledger.audit_chain import Entry, Keys, canonical, check_chain, read_entry, sealed_anew
from finops.ledger.audit_export import export
from finops.ledger.audit_verify import Proof, verify_file
from finops.ledger.checkpoints import FILE, public_keys, read_checkpoints, write_checkpoint
from finops.ledger.state import open_state, writing
from finops.telling.csv_cells import cell
from tests.ledger.proposed import KEYS, NOON

OTHER = Keys((b"a key of somebody else, 012345678",))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nine entries with two checkpoints between them, exported."""
    folder = tmp_path_factory.mktemp("audit")
    engine = open_state(f"sqlite:///{folder}/state.sqlite", KEYS)
    for hour in range(3):
        note(engine, hour)
        if hour < 2:
            write_checkpoint(engine, KEYS, folder, NOON + timedelta(hours=hour))
    export(engine, KEYS, read_checkpoints(folder / FILE), folder / "audit.jsonl", NOON + timedelta(hours=3))
    yield folder / "audit.jsonl"
    engine.dispose()


def note(engine: Engine, hour: int) -> None:
    with writing(engine) as tx:
        for n in range(2):
            stamp = Stamp("click", "pending", "approved", "=HYPERLINK(1)" if n else None, f"click {hour}")
            write(tx, NOON + timedelta(hours=hour), "U0ANA", "proposal.approve", f"P-{n}", {"team": "ml é"}, stamp)


def proof(path: Path, lines: list[str], keys: Keys | None = KEYS) -> Proof:
    changed = path.with_name("changed.jsonl")
    changed.write_text("".join(lines), encoding="utf-8", newline="")
    return verify_file(changed, keys)


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def test_an_export_holds_for_whoever_has_the_key(exported: Path) -> None:
    found = verify_file(exported, KEYS, read_checkpoints(exported.parent / FILE))
    assert ((), 8, 2) == (found.problems, found.entries, found.checkpoints)
    assert ("the last 3 entries are in no checkpoint yet",) == found.notes


def test_an_export_holds_for_an_auditor_without_the_key(exported: Path) -> None:
    found = verify_file(exported, None)
    assert ((), 8, public_keys(KEYS)[0]) == (found.problems, found.entries, found.public_key)
    assert any("compare this with the public key you were given" in one for one in found.notes)


def test_an_export_of_somebody_else_is_told(exported: Path) -> None:
    assert f"the export is signed with another key ({public_keys(KEYS)[0]})" == verify_file(exported, OTHER).problems[0]


def test_a_checkpoint_kept_outside_proves_an_export_too(exported: Path) -> None:
    """Whoever holds the key could leave a checkpoint out of the export, but not out of the other place."""
    outside = read_checkpoints(exported.parent / FILE)
    assert verify_file(exported, KEYS, [outside[1]]).problems == (
        "a checkpoint before the one of 2026-11-21T13:00:00.000000Z over 5 entries is missing",
    )


def test_what_is_no_export_is_refused(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"seq": 1}\n')
    for path, said in ((tmp_path / "x", "is not an export of the audit"), (tmp_path / "y", "cannot be read")):
        with pytest.raises(UserError, match=said):
            verify_file(path, KEYS)


@pytest.mark.parametrize("keys", [KEYS, None], ids=["with the key", "by the public key"])
def test_t1_whatever_is_cut_moved_or_put_twice_is_found(exported: Path, keys: Keys | None) -> None:
    whole = lines_of(exported)
    for n in range(1, len(whole)):
        assert not proof(exported, whole[:n], keys).holds
        assert not proof(exported, whole[:n] + whole[n + 1 :], keys).holds
        assert not proof(exported, [*whole[: n + 1], whole[n], *whole[n + 1 :]], keys).holds
        if n + 1 < len(whole):
            assert not proof(exported, [*whole[:n], whole[n + 1], whole[n], *whole[n + 2 :]], keys).holds


@given(data=st.data(), keys=st.sampled_from([KEYS, None]))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_t1_any_single_change_to_any_exported_row_is_found(exported: Path, data: st.DataObject, keys: Keys | None) -> None:
    whole = lines_of(exported)
    number = data.draw(st.integers(0, len(whole) - 1))
    at = data.draw(st.integers(0, len(whole[number]) - 1))
    put = data.draw(st.sampled_from(["", "\n", " ", "0", "1", "a", "Z", '"', ",", "\x00", "\u200b"]))
    changed = whole[number][:at] + put + whole[number][at + 1 :]
    if changed == whole[number]:
        return
    try:
        assert not proof(exported, [*whole[:number], changed, *whole[number + 1 :]], keys).holds
    except UserError:
        assert number == 0  # the heading is no heading any more


@given(data=st.data(), keys=st.sampled_from([KEYS, None]))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_t1_any_field_set_to_anything_else_is_found(exported: Path, data: st.DataObject, keys: Keys | None) -> None:
    whole = lines_of(exported)
    number = data.draw(st.integers(1, 8))
    row = json.loads(whole[number])
    name = data.draw(st.sampled_from([*sorted(row), "config", "extra"]))
    value = data.draw(st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
    if name in row and row[name] == value and type(row[name]) is type(value):
        return
    changed = json.dumps(row | {name: value}, ensure_ascii=False, sort_keys=True) + "\n"
    assert not proof(exported, [*whole[:number], changed, *whole[number + 1 :]], keys).holds


entry = st.builds(
    Entry,
    seq=st.just(0),
    at=st.datetimes(timezones=st.just(NOON.tzinfo)),
    actor=st.text(),
    action=st.text(),
    object=st.text(),
    detail=st.text(),
    reason=st.none() | st.text(),
    before=st.none() | st.text(),
    after=st.none() | st.text(),
)


@given(st.lists(entry, max_size=5))
def test_any_entries_can_be_chained_written_and_read(rows: list[Entry]) -> None:
    chained = list(sealed_anew(rows, KEYS))
    again = [read_entry(json.loads(json.dumps(one.document()))) for one in chained]
    assert chained == again
    assert check_chain(again, KEYS).problem is None


@given(entry, entry)
def test_different_entries_are_hashed_over_different_text(one: Entry, other: Entry) -> None:
    assert (one == other) == (canonical(one) == canonical(other))


def test_x1_the_table_holds_no_formula(exported: Path) -> None:
    with exported.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [str(n) for n in range(1, 9)] == [row["seq"] for row in rows]
    assert {"", "'=HYPERLINK(1)"} == {row["reason"] for row in rows}


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@x", "|x", "%x", "＝1+1", "＋1", "－1", "＠x", " =1", "\u00a0=1", "\ufeff=1", "\u200b=1", "\tx", "\rx", "\nx",
     "a\n=1", "a\r\n @x", "=", "\x01=1"],
)  # fmt: skip
def test_x1_text_that_could_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert f"'{text}" == cell(text)


@pytest.mark.parametrize("value", ["", "a", "a=b", "5-6", "2026-11-21T12:00:00Z", "a\nb", 7, -7])
def test_x1_other_text_and_numbers_stay_as_they_are(value: str | int) -> None:
    assert value == cell(value)


def test_x1_what_is_not_known_is_empty() -> None:
    assert "" == cell(None)


def test_t1_every_letter_of_the_heading_and_the_checkpoints_counts(exported: Path) -> None:
    whole = lines_of(exported)
    for number in (0, len(whole) - 1):
        for at, letter in enumerate(whole[number]):
            changed = whole[number][:at] + ("A" if letter != "A" else "B") + whole[number][at + 1 :]
            try:
                assert not proof(exported, [*whole[:number], changed, *whole[number + 1 :]]).holds
            except UserError:
                assert number == 0
