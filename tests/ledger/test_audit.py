"""The audit proves itself: whatever is changed, cut or made anew is named."""

import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from finops.errors import LedgerError, UserError
from finops.ledger.audit import Stamp, entries, keys_of, write
from finops.ledger.audit_chain import FIRST, UNKEYED, Entry, Keys, sealed_anew
from finops.ledger.audit_keys import audit_keys, keys_there_are
from finops.ledger.audit_verify import verify
from finops.ledger.checkpoints import FILE, MOST, Checkpoint, read_checkpoints, write_checkpoint
from finops.ledger.loads import record
from finops.ledger.state import open_state, writing
from finops.ledger.tables import audit
from finops.secret import Secret
from tests.ledger.older import state_at
from tests.ledger.proposed import KEYS, NOON, unguarded

OLD, OTHER = Keys((b"an old key of the tests, 01234567",)), Keys((b"a key of somebody else, 012345678",))


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    opened = open_state(state_url, KEYS)
    yield opened
    opened.dispose()


def note(engine: Engine, *actions: str) -> None:
    for action in actions:
        with writing(engine) as tx:
            record(tx, NOON, "ana", action, "P-1", {"n": 1.5})


def lose(engine: Engine) -> None:
    """Write an entry in a transaction that fails."""
    with writing(engine) as tx:
        record(tx, NOON, "ana", "lost", "P-1", {})
        raise TypeError


def held(engine: Engine) -> list[Entry]:
    with engine.connect() as connection:
        return list(entries(connection))


def problems(engine: Engine, checkpoints: list[Checkpoint] | None = None, keys: Keys = KEYS) -> tuple[str, ...]:
    return verify(engine, keys, checkpoints or []).problems


def checkpoint(engine: Engine, folder: Path, **later: float) -> list[Checkpoint]:
    assert write_checkpoint(engine, KEYS, folder, NOON + timedelta(**later), at_once=True)
    return read_checkpoints(folder / FILE)


def test_entries_are_numbered_without_gaps_and_bound_to_each_other(engine: Engine) -> None:
    note(engine, "a", "b")
    with pytest.raises(TypeError):
        lose(engine)
    note(engine, "c")
    found = held(engine)
    assert [(1, "a"), (2, "b"), (3, "c")] == [(entry.seq, entry.action) for entry in found]
    assert [FIRST, found[0].hash, found[1].hash] == [entry.prev for entry in found]
    assert (3, ()) == (verify(engine, KEYS, []).entries, problems(engine))


def test_an_entry_tells_all_it_knows(engine: Engine) -> None:
    stamp = Stamp("phrase", "pending", "approved", "because", "click-1", "f" * 64)
    with writing(engine) as tx:
        made = write(tx, NOON, "ana" * 100, "proposal.approve", "P-1\0\ud800", {"b": 1, "a": NOON}, stamp)
    assert [made] == held(engine)
    assert (120, "P-1\ufffd?", '{"a": "2026-11-21 12:00:00+00:00", "b": 1}') == (len(made.actor), made.object, made.detail)


def test_the_configuration_in_force_is_named(engine: Engine) -> None:
    from finops.ledger.audit import under_configuration

    under_configuration(engine, "v7")
    note(engine, "a")
    assert ["v7"] == [entry.config for entry in held(engine)]


def test_writers_side_by_side_make_one_chain(state_url: str) -> None:
    def write_some(_: int) -> None:
        engine = open_state(state_url, KEYS)
        note(engine, *"abcde")
        engine.dispose()

    open_state(state_url, KEYS).dispose()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_some, range(4)))
    engine = open_state(state_url, KEYS)
    assert (20, ()) == (verify(engine, KEYS, []).entries, problems(engine))
    engine.dispose()


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_an_entry(engine: Engine, change: str) -> None:
    note(engine, "a")
    with pytest.raises(DBAPIError, match="the audit is append only"), engine.begin() as connection:
        connection.execute(text(change))
    assert ["ana"] == [entry.actor for entry in held(engine)]


@pytest.mark.postgres
def test_postgresql_refuses_to_empty_the_table(postgres_database: str) -> None:
    engine = open_state(postgres_database, KEYS)
    with pytest.raises(DBAPIError, match="the audit is append only"), engine.begin() as connection:
        connection.execute(text("TRUNCATE audit"))
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE seq = 2", "entry 2 (2026-11-21 12:00:00Z, b P-1) was changed: its hash does not fit"),
        ("UPDATE audit SET reason = '' WHERE seq = 3", "entry 3 (2026-11-21 12:00:00Z, c P-1) was changed: its hash does not fit"),
        ("DELETE FROM audit WHERE seq = 2", "entry 2 is missing: entry 3 (2026-11-21 12:00:00Z, c P-1) comes next"),
        ("DELETE FROM audit WHERE seq < 3", "entries 1 to 2 are missing: entry 3 (2026-11-21 12:00:00Z, c P-1) comes next"),
        (
            "UPDATE audit SET key = 'none' WHERE seq = 1",
            "entry 1 (2026-11-21 12:00:00Z, a P-1) was sealed with the key none, which is none of ours",
        ),
        (
            "UPDATE audit SET prev = hash WHERE seq = 2",
            "entry 2 (2026-11-21 12:00:00Z, b P-1) is not bound to the entry before it: one of the two was changed",
        ),
    ],
)
def test_t1_an_entry_edited_or_deleted_in_the_middle_is_named(engine: Engine, change: str, problem: str) -> None:
    note(engine, "a", "b", "c", "d")
    with unguarded(engine) as connection:
        connection.execute(text(change))
    assert (problem,) == problems(engine)


def test_t1_a_tail_that_was_cut_is_named_by_the_checkpoint(engine: Engine, tmp_path: Path) -> None:
    note(engine, "a", "b", "c")
    kept = checkpoint(engine, tmp_path)
    with unguarded(engine) as connection:
        connection.execute(text("DELETE FROM audit WHERE seq > 1"))
    assert ("entries 2 to 3 are missing: the checkpoint of 2026-11-21T12:00:00.000000Z over 3 entries signed them",) == problems(
        engine, kept
    )


def test_t1_a_chain_made_anew_with_the_key_is_named_by_the_checkpoint(engine: Engine, tmp_path: Path) -> None:
    note(engine, "a", "b", "c")
    kept = checkpoint(engine, tmp_path)
    rebuild(engine, KEYS, lambda entry: replace(entry, actor="eve") if entry.seq == 2 else entry)
    assert () == problems(engine, [])[1:]  # by itself the chain fits, but for the checkpoint it tells of
    assert (
        "entry 3 is not the one that the checkpoint of 2026-11-21T12:00:00.000000Z over 3 entries signed: the chain was made anew",
    ) == problems(engine, kept)


def test_t1_a_chain_made_anew_without_the_key_is_named(engine: Engine) -> None:
    note(engine, "a", "b")
    rebuild(engine, OTHER, lambda entry: entry)
    assert f"sealed with the key {OTHER.current}, which is none of ours" in problems(engine)[0]
    rebuild(engine, UNKEYED, lambda entry: entry)
    assert "sealed with the key none, which is none of ours" in problems(engine)[0]


def test_t1_a_checkpoint_that_was_taken_out_is_named(engine: Engine, tmp_path: Path) -> None:
    for hour, action in enumerate("abc"):
        note(engine, action)
        kept = checkpoint(engine, tmp_path, hours=hour)
    assert () == problems(engine, kept)
    assert (
        "a checkpoint before the one of 2026-11-21T14:00:00.000000Z over 5 entries is missing",
        "the checkpoint of 2026-11-21 13:00:00Z over 3 entries is missing, entry 4",
    ) == problems(engine, [kept[0], kept[2]])
    assert ("the checkpoint of 2026-11-21 14:00:00Z over 5 entries is missing, entry 6",) == problems(engine, kept[:2])
    assert 3 == len(problems(engine, []))


def test_a_checkpoint_that_was_changed_is_named(engine: Engine, tmp_path: Path) -> None:
    note(engine, "a", "b")
    kept = checkpoint(engine, tmp_path)
    for changed in (replace(kept[0], head="0" * 64), replace(kept[0], signature="AA=="), replace(kept[0], at="2026")):
        assert "was changed: its signature does not fit" in problems(engine, [changed])[0]
    forged = tmp_path / "forged"
    write_checkpoint(engine, OTHER, forged, NOON, at_once=True)
    assert "is signed with another key" in problems(engine, read_checkpoints(forged / FILE))[0]
    (tmp_path / FILE).write_text("{}\n")
    with pytest.raises(LedgerError, match=r"checkpoints.jsonl:1 is no checkpoint"):
        read_checkpoints(tmp_path / FILE)


def test_a_checkpoint_is_due_each_hour_or_after_many_entries_and_not_for_itself(engine: Engine, tmp_path: Path) -> None:
    def due(**later: float) -> bool:
        return write_checkpoint(engine, KEYS, tmp_path, NOON + timedelta(**later)) is not None

    assert not due()
    note(engine, "a")
    assert [True, False] == [due(), due(days=9)]
    note(engine, "b")
    assert [False, True] == [due(minutes=59), due(hours=1)]
    with writing(engine) as tx:
        for _ in range(MOST):
            record(tx, NOON, "ana", "c", "P-1", {})
    assert due(hours=1, minutes=1)
    assert () == problems(engine, read_checkpoints(tmp_path / FILE))


def test_k2_another_key_is_refused_before_anything_is_done(engine: Engine, state_url: str) -> None:
    note(engine, "a")
    for keys in (OTHER, UNKEYED):
        other = open_state(state_url, keys)
        with pytest.raises(LedgerError, match="the same FINOPS_AUDIT_KEY"):
            note(other, "b")
        other.dispose()
    assert 1 == len(held(engine))


def test_k2_after_a_rotation_the_old_entries_and_checkpoints_still_hold(state_url: str, tmp_path: Path) -> None:
    before = open_state(state_url, OLD)
    note(before, "a")
    write_checkpoint(before, OLD, tmp_path, NOON)
    before.dispose()
    rotated = Keys((*KEYS.masters, *OLD.masters))
    after = open_state(state_url, rotated)
    note(after, "b")
    write_checkpoint(after, rotated, tmp_path, NOON, at_once=True)
    kept = read_checkpoints(tmp_path / FILE)
    assert [OLD.current, OLD.current, KEYS.current, KEYS.current] == [entry.key for entry in held(after)]
    assert (2, ()) == (len({one.key for one in kept}), problems(after, kept, rotated))
    assert "which is none of ours" in problems(after, kept)[0]
    after.dispose()


def test_what_was_written_before_there_was_a_chain_is_chained_without_gaps(state_url: str) -> None:
    state_at(state_url, "0003")
    url = make_url(state_url)
    before = create_engine(url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url)
    with before.begin() as connection:
        for seq in (2, 3, 7):
            connection.execute(text(f"INSERT INTO audit VALUES ({seq}, '2026-11-21 12:00:00.5', 'ana', 'a', 'é', '{{}}')"))
    before.dispose()
    engine = open_state(state_url, KEYS)
    assert [1, 2, 3] == [entry.seq for entry in held(engine)]
    assert {NOON + timedelta(seconds=0.5)} == {entry.at for entry in held(engine)}
    note(engine, "b")
    assert ((), 4) == (problems(engine), len(held(engine)))
    engine.dispose()


def test_the_tables_are_those_that_the_migrations_make(engine: Engine) -> None:
    from finops.ledger.tables_proposals import proposals, votes

    for table in (audit, proposals, votes):
        found = inspect(engine).get_columns(table.name)
        assert [(c.name, c.nullable, str(c.type)) for c in table.columns] == [
            (c["name"], c["nullable"], str(c["type"]).replace("TIMESTAMP", "DATETIME")) for c in found
        ]
        assert {index.name for index in table.indexes} <= {index["name"] for index in inspect(engine).get_indexes(table.name)}


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    assert keys_there_are(None, tmp_path) is None
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: audit_keys(None, tmp_path / ".finops"), range(8)))
    assert 1 == len({keys.current for keys in made})
    path = tmp_path / ".finops" / "audit.key"
    assert ([path], 0o600) == (list(path.parent.iterdir()), stat.S_IMODE(path.stat().st_mode))
    assert path.read_text().strip() not in repr(made[0])


def test_a_key_that_others_can_read_or_that_is_cut_is_refused(tmp_path: Path) -> None:
    audit_keys(None, tmp_path)
    path = tmp_path / "audit.key"
    path.chmod(0o644)
    with pytest.raises(UserError, match="can be read by others than its owner; run chmod 600 on it"):
        audit_keys(None, tmp_path)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(UserError, match="holds no key of the audit"):
        audit_keys(None, tmp_path)


def test_a_key_from_the_settings_goes_before_the_file(tmp_path: Path) -> None:
    keys = audit_keys(Secret(f"{'n' * 32} {'o' * 32}"), tmp_path)
    assert (2, []) == (len(keys.masters), list(tmp_path.iterdir()))
    assert keys.knows(Keys((b"o" * 32,)).current)


def test_an_engine_knows_its_keys(engine: Engine) -> None:
    assert KEYS is keys_of(engine)


def rebuild(engine: Engine, keys: Keys, change: Callable[[Entry], Entry]) -> None:
    """Write the whole chain anew, as whoever owns the database can."""
    rows = [vars(entry) for entry in sealed_anew(map(change, held(engine)), keys)]
    with unguarded(engine) as connection:
        connection.execute(text("DELETE FROM audit"))
        connection.execute(insert(audit), rows)
