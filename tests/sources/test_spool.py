"""The spool: durable before it is acknowledged, one fsync for many, bounded, and nothing lost or torn after a crash."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from finops.sources.spool import Limits, SpoolFullError, SpoolWriter, waiting
from finops.sources.spool_claims import claim, take_over

LINE = b'{"request_id":"r"}\n'
WRITER = """
import sys
from pathlib import Path
from finops.sources.spool import Limits, SpoolWriter
spool = SpoolWriter(Path(sys.argv[1]), "killed", Limits(seconds=3600))
for number in range(10**9):
    spool.append(b'{"request_id":"%d"}\\n' % number)
    print(number, flush=True)
"""


def lines(folder: Path) -> list[bytes]:
    taken = claim(folder, 10**9)
    found = [line for segment in taken for line in segment.path.read_bytes().splitlines(keepends=True)]
    for segment in taken:
        segment.release()
    return found


def test_what_was_appended_can_be_claimed_once_the_writer_has_closed(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w")
    writer.append(LINE)
    writer.append(LINE * 2)
    writer.close()
    assert [LINE] * 3 == lines(tmp_path)


def test_many_callers_share_one_sync(tmp_path: Path) -> None:
    gate, syncs = threading.Event(), []

    def slow_sync(file: int) -> None:
        syncs.append(file)
        gate.wait(10)
        os.fsync(file)

    writer = SpoolWriter(tmp_path, "w", Limits(seconds=3600), sync=slow_sync)
    first = writer.put(LINE)
    while not syncs:
        pass
    later = [writer.put(LINE) for _ in range(100)]
    assert not any(each.done() for each in (first, *later))
    gate.set()
    for each in (first, *later):
        each.result(10)
    writer.close()
    assert (2, 101) == (len(syncs), len(lines(tmp_path)))


def test_nothing_is_acknowledged_when_the_disk_refuses_and_the_next_segment_is_clean(tmp_path: Path) -> None:
    failing = [OSError(28, "No space left on device")]

    def sync(file: int) -> None:
        if failing:
            raise failing.pop()
        os.fsync(file)

    writer = SpoolWriter(tmp_path, "w", sync=sync)
    with pytest.raises(SpoolFullError, match="No space left"):
        writer.append(b'{"request_id":"refused"}\n')
    writer.append(LINE)
    writer.close()
    assert [LINE] == lines(tmp_path)


def test_what_was_synced_before_a_failure_stays(tmp_path: Path) -> None:
    fails = [False, True, False]

    def sync(file: int) -> None:
        if fails.pop(0):
            raise OSError(5, "Input/output error")
        os.fsync(file)

    writer = SpoolWriter(tmp_path, "w", Limits(seconds=3600), sync=sync)
    writer.append(LINE)
    with pytest.raises(SpoolFullError):
        writer.append(b'{"request_id":"refused"}\n')
    writer.append(LINE)
    writer.close()
    assert [LINE, LINE] == lines(tmp_path)


def test_a_full_spool_refuses_and_takes_again_once_it_was_drained(tmp_path: Path) -> None:
    clock = [0.0]
    writer = SpoolWriter(tmp_path, "w", Limits(most=3 * len(LINE), seconds=0), clock=lambda: clock[0])
    for _ in range(3):
        writer.append(LINE)
        clock[0] += 1
    with pytest.raises(SpoolFullError) as refused:
        writer.put(LINE)
    assert refused.value.retry_after > 0
    while taken := claim(tmp_path, 10**9):
        for segment in taken:
            segment.done()
    clock[0] += 1
    writer.append(LINE)
    writer.close()


def test_a_nearly_full_disk_refuses(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w", Limits(free=10**18))
    with pytest.raises(SpoolFullError, match="the disk below the spool has"):
        writer.append(LINE)
    writer.close()


def test_a_caller_who_hangs_up_does_not_stop_the_writer(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w")
    assert not writer.put(LINE).cancel()
    writer.append(LINE)
    writer.close()
    assert 2 == len(lines(tmp_path))


def test_an_open_segment_is_left_to_its_living_writer(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w", Limits(seconds=3600))
    writer.append(LINE)
    assert ([], []) == (take_over(tmp_path), claim(tmp_path, 10**9))
    writer.close()
    assert 1 == len(claim(tmp_path, 10**9))


def test_segments_close_by_themselves_when_their_time_is_up(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w", Limits(seconds=0.05))
    writer.append(LINE)
    deadline = threading.Event()
    for _ in range(200):
        if list(tmp_path.glob("*.jsonl")):
            break
        deadline.wait(0.02)
    assert [LINE] == lines(tmp_path)
    writer.close()


def test_a_claimed_segment_is_nobody_elses_until_it_is_let_go(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w")
    writer.append(LINE)
    writer.close()
    (mine,) = claim(tmp_path, 10**9)
    assert [] == claim(tmp_path, 10**9)
    mine.release()
    (again,) = claim(tmp_path, 10**9)
    again.done()
    assert (0, []) == (waiting(tmp_path).bytes, claim(tmp_path, 10**9))


def test_failures_are_remembered_in_the_name_and_setting_aside_ends_them(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "host.domain-1")
    writer.append(LINE)
    writer.close()
    for tries in range(3):
        (segment,) = claim(tmp_path, 10**9)
        assert tries == segment.tries
        segment.failed()
    (segment,) = claim(tmp_path, 10**9)
    place = segment.set_aside()
    assert (tmp_path / "aside" / "host.domain-1-00000001.jsonl", LINE) == (place, place.read_bytes())
    assert (1, 0, []) == (waiting(tmp_path).aside, waiting(tmp_path).segments, claim(tmp_path, 10**9))


@pytest.mark.parametrize("torn", [b'{"request_id":"to', b'{"request_id":"x"}', b"\0" * 20, b'\0\0\0"}\n', b'oken"}\n'])
def test_torn_lines_of_a_dead_writer_are_left_out(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "dead-00000001.open").write_bytes(LINE + torn)
    assert [LINE] == lines(tmp_path)
    assert [] == [path.name for path in tmp_path.iterdir() if path.suffix != ".jsonl"]


def test_a_claim_is_bounded_but_takes_one_segment_at_least(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"w-{number}.jsonl").write_bytes(LINE)
    taken = claim(tmp_path, 2 * len(LINE))
    assert 2 == len(taken)
    assert 1 == len(claim(tmp_path, 0))
    for segment in taken:
        segment.release()


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    acknowledged = {b'{"request_id":"%d"}\n' % int(number) for number in told if number.endswith(b"\n")}
    found = lines(tmp_path)
    assert acknowledged <= set(found)
    assert len(found) <= len(acknowledged) + 1  # the last may have been written and not yet told
