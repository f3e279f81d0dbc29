"""Unpacking within bounds, and cutting lines between events."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bodies import MIB, unpack
from api.intake import LARGEST_ARRAY, PIECE, pieces
from api.refusals import RefusalError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
}


@pytest.mark.parametrize("encoding", PACKERS)
@given(st.binary(max_size=5_000))
@settings(max_examples=50, deadline=None)
def test_what_was_packed_is_unpacked(encoding: str, body: bytes) -> None:
    assert body == unpack(PACKERS[encoding](body), encoding, MIB)


@given(st.binary(min_size=1, max_size=5_000))
@settings(max_examples=50, deadline=None)
def test_deflate_is_met_without_its_header_and_gzip_in_several_members(body: bytes) -> None:
    raw = zlib.compressobj(wbits=-15)
    assert body == unpack(raw.compress(body) + raw.flush(), "deflate", MIB)
    assert body * 2 == unpack(gzip.compress(body) * 2, "gzip", MIB)


@given(st.binary(min_size=1, max_size=500), st.data())
@settings(max_examples=100, deadline=None)
def test_a_torn_body_is_never_taken_for_a_whole_one(body: bytes, data: st.DataObject) -> None:
    packed = gzip.compress(body)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(RefusalError):
        unpack(packed[:cut], "gzip", MIB)


@given(st.binary(max_size=100), st.sampled_from(["gzip", "deflate"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_unpack_or_are_refused(body: bytes, encoding: str) -> None:
    try:
        found = unpack(body, encoding, MIB)
    except RefusalError as refusal:
        found = b""
        assert refusal.status in (400, 413)  # noqa: PT017 - which of the two is the point
    assert len(found) <= MIB


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_body_larger_than_allowed_is_refused_packed_or_not(encoding: str) -> None:
    with pytest.raises(RefusalError) as refused:
        unpack(PACKERS[encoding](b"ab" * MIB), encoding, MIB)
    assert 413 == refused.value.status


def test_what_swells_beyond_all_that_is_real_is_refused_early() -> None:
    with pytest.raises(RefusalError) as refused:
        unpack(gzip.compress(bytes(32 * MIB), 9), "gzip", 64 * MIB)
    assert 413 == refused.value.status


def test_lines_are_cut_between_events_and_none_is_lost() -> None:
    body = b"".join(b"x" * (number % 977) + b"\n" for number in range(20_000)) + b"last"
    found = list(pieces(body))
    assert body == b"".join(found)
    assert len(found) > 1
    assert all(piece.endswith(b"\n") for piece in found[:-1])


def test_an_array_stays_whole_up_to_a_size_and_is_refused_beyond() -> None:
    assert 1 == len(list(pieces(b"[" + b" " * PIECE + b"\n]")))
    with pytest.raises(RefusalError, match="send JSON Lines"):
        list(pieces(b"[" + b" " * LARGEST_ARRAY))
