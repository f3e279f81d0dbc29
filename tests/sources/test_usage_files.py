"""Files of usage events are read a piece at a time, with lines counted from their beginning."""

import gzip
import json
from pathlib import Path

import pytest

from finops.errors import UserError
from finops.sources.usage_events import Reading
from finops.sources.usage_files import find_usage, pieces


def line(number: int) -> bytes:
    content = {"time": "2026-03-01T12:00:00Z", "request_id": f"r{number}", "model": "m", "input_tokens": number}
    return json.dumps(content).encode() + b"\n"


def readings(path: Path, piece: int = 200, longest: int = 2000) -> list[Reading]:
    return [one.reading for one in pieces(path, piece, longest)]


def ids(path: Path, piece: int = 200, longest: int = 2000) -> list[str]:
    return [event.request_id for one in readings(path, piece, longest) for event in one.events]


def bad(path: Path, piece: int = 200, longest: int = 2000) -> list[int]:
    return [each.line for one in readings(path, piece, longest) for each in one.bad]


@pytest.mark.parametrize("piece", [1, 50, 97, 98, 200, 100_000])
def test_every_line_is_read_once_wherever_the_pieces_end(tmp_path: Path, piece: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(map(line, range(7))) + b"\n{broken}\n\n" + line(7).rstrip())
    assert ([f"r{n}" for n in range(8)], [9]) == (ids(path, piece), bad(path, piece))


@pytest.mark.parametrize("piece", [64, 1000, 100_000])
def test_a_line_too_long_for_memory_is_passed_over(tmp_path: Path, piece: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(line(0) + b"x" * 300_000 + b"\n" + line(1) + b"{}\n")
    assert (["r0", "r1"], [2, 4]) == (ids(path, piece), bad(path, piece))


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(map(line, range(50)))))
    assert [f"r{n}" for n in range(50)] == ids(path)


def test_a_packed_file_that_is_cut_off_keeps_the_lines_before(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(b"".join(map(line, range(5000))))
    path.write_bytes(whole[: len(whole) // 2])
    assert 0 < len(ids(path)) < 5000
    assert 1 == len(bad(path))


def test_an_array_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b",".join(line(n).rstrip() for n in range(20)) + b"]")
    assert [f"r{n}" for n in range(20)] == ids(path)


def test_a_folder_gives_its_visible_files_in_order(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a/z.ndjson.gz", ".hidden.jsonl", "notes.txt", ".git/c.jsonl"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "outside.jsonl").write_bytes(b"")
    (tmp_path / "in" / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    assert [tmp_path / "in" / "a/z.ndjson.gz", tmp_path / "in" / "b.jsonl"] == find_usage([tmp_path / "in"])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file or folder .*gone\.jsonl; check the spelling"):
        find_usage([tmp_path / "gone.jsonl"])
    with pytest.raises(UserError, match="no usage events were found"):
        find_usage([tmp_path])
