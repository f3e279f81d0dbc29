"""Files are fetched whole or not at all: broken connections go on where they broke, and damaged bytes are thrown away."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finops.errors import SourceError
from finops.sources.downloads import bring
from finops.sources.objects import Stored
from finops.sources.retries import Backoff, BrokenOffError, again

WHEN = datetime(2026, 5, 1, tzinfo=UTC)
CONTENT = bytes(range(256)) * 40


class Shaky:
    """A store whose connections end after `gives` bytes; it keeps where each began."""

    root = "s3://bills"
    bucket: str | None = "bills"
    permissions: tuple[str, ...] = ()

    def __init__(self, content: bytes = CONTENT, gives: int = 100_000) -> None:
        self.content, self.gives = content, gives
        self.began: list[int] = []

    def list(self, prefix: str) -> Iterator[Stored]:
        yield from ()

    def stream(self, stored: Stored, start: int) -> Iterator[bytes]:
        self.began.append(start)
        yield self.content[start : start + self.gives]
        if start + self.gives < len(self.content):
            raise BrokenOffError("reset by peer")

    def path(self, stored: Stored) -> Path | None:
        return None


def part(name: str = "a.csv", content: bytes = CONTENT) -> Stored:
    return Stored(f"data/{name}", len(content), "etag-1", WHEN, hashlib.md5(content).hexdigest())


def patient(tries: int = 4) -> tuple[Backoff, list[float]]:
    slept: list[float] = []
    return Backoff(tries=tries, first=1, most=4, sleep=slept.append, chance=lambda: 1.0), slept


def test_a_connection_that_breaks_goes_on_where_it_broke(tmp_path: Path) -> None:
    store = Shaky(gives=3000)
    backoff, _ = patient(tries=2)
    [path] = bring(store, [part()], tmp_path, backoff, None)
    assert CONTENT == path.read_bytes()
    assert [0, 3000, 6000, 9000] == store.began


def test_a_run_that_was_killed_goes_on_with_what_it_left(tmp_path: Path) -> None:
    first, backoff = Shaky(gives=3000), patient(tries=1)[0]
    with pytest.raises(SourceError, match=r"s3://bills/data/a\.csv breaks off again and again"):
        bring(first, [part()], tmp_path, backoff, None)
    second = Shaky()
    [path] = bring(second, [part()], tmp_path, backoff, None)
    assert CONTENT == path.read_bytes()
    assert [3000] == second.began


def test_what_is_there_whole_is_not_fetched_again(tmp_path: Path) -> None:
    store, backoff = Shaky(), patient()[0]
    for _ in range(2):
        bring(store, [part()], tmp_path, backoff, None)
    assert [0] == store.began


def test_other_bytes_than_the_checksum_says_are_thrown_away(tmp_path: Path) -> None:
    store, backoff = Shaky(bytes(len(CONTENT))), patient()[0]
    with pytest.raises(SourceError, match="was damaged on its way: its bytes are not those of its checksum"):
        bring(store, [part()], tmp_path, backoff, None)
    assert [] == list(tmp_path.iterdir())


def test_more_bytes_than_listed_are_refused(tmp_path: Path) -> None:
    store, backoff = Shaky(CONTENT + b"more"), patient()[0]
    with pytest.raises(SourceError, match="10,244 bytes came where 10,240 are listed"):
        bring(store, [part()], tmp_path, backoff, None)


def test_parts_of_one_name_stay_apart_and_in_order(tmp_path: Path) -> None:
    parts = [Stored(f"{folder}/a.csv", len(CONTENT), "e", WHEN) for folder in ("x", "y", "z")]
    paths = bring(Shaky(), parts, tmp_path, patient()[0], None)
    assert 3 == len(set(paths))
    assert sorted(paths) == list(paths)


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    told: list[float] = []
    bring(Shaky(), [part("a.csv"), part("b.csv")], tmp_path, patient()[0], lambda _what, share: told.append(share))
    assert 1.0 == told[-1]
    assert sorted(told) == told


def test_pauses_double_up_to_the_longest_and_then_it_gives_up() -> None:
    backoff, slept = patient(tries=5)

    def fails() -> None:
        raise BrokenOffError("busy")

    with pytest.raises(BrokenOffError):
        again(fails, backoff)
    assert [1, 2, 4, 4] == slept


def test_chance_shortens_a_pause_by_half_at_most() -> None:
    assert [0.5, 1.0] == list(Backoff(tries=3, first=1, chance=lambda: 0.0).pauses())
