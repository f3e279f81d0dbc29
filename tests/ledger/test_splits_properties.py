"""Whatever was billed and measured: parts sum to their line exactly, and follow the documented weights."""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ledger.split_case import AMOUNTS, DAY, KINDS, Row, expected, line, split, used

DAYS = st.sampled_from([DAY, DAY, DAY, DAY + timedelta(days=1)])
MODELS = st.sampled_from(["claude", "claude", "sonnet"])
TIERS = st.sampled_from([None, "standard", "batch"])
TOKENS = st.integers(0, 50)
CENTS = st.decimals("-1000", "100000", allow_nan=False, places=10) | st.just(Decimal(0))


@st.composite
def requests(draw: Any) -> Row:
    read, short, long, fresh, output = (draw(TOKENS) for _ in range(5))
    return used(
        draw(st.sampled_from([None, "ml", "search"])),
        read + short + long + fresh,
        output=output,
        read=read,
        short=short,
        long=long,
        model=draw(MODELS),
        cost=draw(st.sampled_from([None, "0.0031", "0.5", "7", "0"])),
        day=draw(DAYS),
        x_Project=draw(st.sampled_from([None, "p1", "p2"])),
        x_ServiceTier=draw(TIERS),
    )


@st.composite
def lines(draw: Any) -> Row:
    return line(
        str(draw(CENTS)),
        draw(st.sampled_from([None, *KINDS[:-1]])),
        draw(MODELS | st.none()),
        draw(st.integers(0, 200) | st.none()),
        day=draw(DAYS),
        days=draw(st.sampled_from([1, 1, 2, 30])),
        x_Team=draw(st.sampled_from([None, None, None, "ml"])),
        x_Project=draw(st.sampled_from([None, None, "p1"])),
        x_ServiceTier=draw(TIERS),
        ChargeCategory=draw(st.sampled_from(["Usage", "Usage", "Usage", "Tax", "Credit"])),
    )


def by_line(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[int(row["SkuId"])].append(row)
    return found


def parts_of(rows: Sequence[Row], whole: Decimal) -> dict[tuple[Any, ...], float]:
    shares: dict[tuple[Any, ...], float] = defaultdict(float)
    for row in rows:
        shares[row["x_Model"], row["x_Team"], row["x_Project"]] += float(row["BilledCost"] / whole)
    return shares


def as_written(bill: Row, shares: Sequence[Any]) -> dict[tuple[Any, ...], float]:
    """Whom the parts name in the end: what the line says of model and project stays where the measured say nothing."""
    written: dict[tuple[Any, ...], float] = defaultdict(float)
    for one in shares:
        model, team, project = one.owner
        written[model or bill["x_Model"], team, bill.get("x_Project") or project] += one.share
    return written


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large])
@given(st.lists(lines(), min_size=1, max_size=6), st.lists(requests(), min_size=1, max_size=8))
def test_parts_sum_to_their_line_and_follow_what_was_measured(bill: list[Row], usage: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = by_line(split(Path(folder), bill, usage))
    wanted = expected(bill, usage)
    for n, row in enumerate(bill):
        for name in AMOUNTS:
            given_amount = row.get(name)
            sums = [part[name] for part in found[n]]
            assert (None if given_amount is None else Decimal(given_amount)) == (None if None in sums else sum(sums)), (n, name)
        assert (n in wanted) == (found[n][0]["x_AllocatedBy"] == "usage")
        if n in wanted and abs(row["BilledCost"]) > 1:
            shares = parts_of(found[n], row["BilledCost"])
            for owner, share in as_written(row, wanted[n]).items():
                assert pytest.approx(share, abs=1e-9) == shares[owner]


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines(), min_size=1, max_size=5), st.lists(requests(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_same_is_split_the_same_in_whatever_order_it_was_measured(bill: list[Row], usage: list[Row], chance: Any) -> None:
    shuffled = list(usage)
    chance.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        assert split(Path(one), bill, usage) == split(Path(other), bill, shuffled)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines(), min_size=1, max_size=6), st.lists(requests(), min_size=1, max_size=4))
def test_lines_that_are_not_split_stay_as_they_are(bill: list[Row], usage: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as untouched:
        found = by_line(split(Path(folder), bill, usage))
        before = by_line(split(Path(untouched), bill, [used("nobody", model="another", day=DAY - timedelta(days=99))]))
    kept = set(range(len(bill))) - set(expected(bill, usage))
    assert {n: before[n] for n in kept} == {n: found[n] for n in kept}
