"""The quick count of records agrees with a real CSV reader however the bytes arrive."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from finops.sources.csvcheck import Runs, Tally

VALUES = st.lists(st.lists(st.text('ab",\n', max_size=6), min_size=2, max_size=3), min_size=1, max_size=6)


@given(VALUES, st.integers(1, 7))
def test_records_are_counted_as_a_csv_reader_counts_them(table: list[list[str]], step: int) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    content = text.getvalue().encode()
    tally = Tally()
    for at in range(0, len(content), step):
        tally.add(content[at : at + step])
    assert (len(table), content.count(b"\n")) == (tally.records, tally.lines)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.integers(1, 50))
def test_a_long_line_is_noticed_and_short_ones_are_not(lengths: list[int], step: int) -> None:
    content = b"".join(b"x" * length + b"\n" for length in lengths)
    runs = Runs(limit=20)
    for at in range(0, len(content), step):
        runs.add(content[at : at + step])
    if max(lengths) > 20:
        assert runs.long
    if max(lengths) < 10:
        assert not runs.long
