"""Lines become usage events in one form, or are named with what is wrong with them."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.sources.usage_events import Event, Reading, read, tidy, write
from finops.usage import EVENT_FIELDS

GOOD: dict[str, Any] = {"time": "2026-03-01T12:00:00Z", "request_id": "r1", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}
ON_TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)


def lines(*contents: Any) -> bytes:
    return b"".join(json.dumps(content).encode() + b"\n" for content in contents)


def one(**changes: Any) -> Event:
    """Read the good line with some fields changed."""
    (event,) = read(lines({**GOOD, **changes})).events
    return event


def refusal(**changes: Any) -> str:
    """Say why the good line with some fields changed is refused."""
    content = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    reading = read(lines(content))
    assert [] == reading.events
    return reading.bad[0].reason


def test_an_event_is_one_request_unless_it_says_how_many() -> None:
    assert (1, 240) == (one().requests, one(requests=240).requests)
    assert "requests is 0; an event is at least one request" == refusal(requests=0)
    assert refusal(requests="many").startswith("requests is 'many'")


def test_the_struct_has_the_fields_of_the_contract_in_their_order() -> None:
    assert list(EVENT_FIELDS) == [field.name for field in msgspec.structs.fields(Event)]


def test_a_line_as_the_contract_says() -> None:
    assert Event(time=ON_TIME, request_id="r1", model="gpt-4o", input_tokens=10, output_tokens=2) == one()


def test_what_is_written_is_read_again() -> None:
    event = one(prefix_hashes=["a", "b"], estimated=True, latency_ms=0, user="Zoë", provider="OpenAI", time="2026-03-01T12:00:00.123456Z")
    assert Reading([event]) == read(write([event]))


def test_empty_lines_and_a_byte_order_mark_are_nothing() -> None:
    assert 2 == len(read(b"\xef\xbb\xbf" + lines(GOOD) + b"\r\n\n  \n" + lines(GOOD)).events)


def test_an_array_is_read_like_lines_and_its_bad_elements_are_numbered() -> None:
    reading = read(json.dumps([GOOD, 7, GOOD], indent=1).encode())
    assert (2, [(2, "it is not a JSON object")]) == (len(reading.events), [(bad.line, bad.reason) for bad in reading.bad])


def test_one_object_over_several_lines_is_one_event() -> None:
    assert 1 == len(read(json.dumps(GOOD, indent=2).encode()).events)


def test_a_bad_line_is_named_and_the_others_live() -> None:
    reading = read(lines(GOOD) + b"\n{broken\n" + lines(GOOD))
    assert (2, 3, "{broken") == (len(reading.events), reading.bad[0].line, reading.bad[0].excerpt)
    assert reading.bad[0].reason.startswith("it is not JSON: ")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": ...}, "model is missing"),
        ({"model": ..., "time": None}, "time and model are missing"),
        ({"request_id": " \x00 "}, "request_id is empty"),
        ({"request_id": "x" * 1001}, "request_id is longer than 1,000 characters"),
        ({"model": "\t"}, "model is empty"),
        ({"input_tokens": ..., "output_tokens": ...}, "no count of tokens is given, such as input_tokens or output_tokens"),
        ({"input_tokens": -1}, "input_tokens is -1; a whole number from 0 to 1,000,000,000,000 belongs there"),
        ({"input_tokens": 1.5}, "input_tokens is 1.5; a whole number from 0 to 1,000,000,000,000 belongs there"),
        ({"input_tokens": "10"}, "input_tokens is '10'; a whole number from 0 to 1,000,000,000,000 belongs there"),
        ({"input_tokens": True}, "input_tokens is True; a whole number from 0 to 1,000,000,000,000 belongs there"),
        ({"output_tokens": 10**30}, f"output_tokens is {10**30}; a whole number from 0 to 1,000,000,000,000 belongs there"),
        ({"cache_write_tokens": -3}, "cache_write_tokens is -3; a whole number from 0 to 1,000,000,000,000 belongs there"),
        ({"time": "yesterday"}, "time is 'yesterday'; a time such as 2026-03-01T12:00:00Z belongs there"),
        ({"time": "2026-03-01"}, "time is '2026-03-01'; a time such as 2026-03-01T12:00:00Z belongs there"),
        ({"time": 12345}, "time is 12345; a time such as 2026-03-01T12:00:00Z belongs there"),
        ({"time": "1999-12-31T23:59:59Z"}, "time 1999-12-31T23:59:59Z lies outside the years 2000 to 2099"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time 0001-01-01 00:00:00+14:00 lies outside the years 2000 to 2099"),
        ({"provider": {"name": "openai"}}, "provider is {'name': 'openai'}; a text belongs there"),
    ],
)
def test_what_decides_the_cost_must_be_right(changes: dict[str, Any], reason: str) -> None:
    assert reason == refusal(**changes)


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00",  # without an offset: UTC
        "2026-03-01 13:00:00+01:00",
        "20260301T120000Z",
        1772366400,
        1772366400.0,
        1772366400_000,
        1772366400_000_000,
        1772366400_000_000_000,
    ],
)
def test_a_moment_is_understood_in_every_unambiguous_form(time: object) -> None:
    event = one(time=time)
    assert (ON_TIME, UTC) == (event.time, event.time.tzinfo)


def test_a_count_given_as_zero_counts_as_given() -> None:
    assert 0 == one(input_tokens=0, output_tokens=0).input_tokens


def test_cached_tokens_counted_beside_the_input_are_added_to_it() -> None:
    assert 10 + 500 + 40 + 2 == one(input_tokens=10, cache_read_tokens=500, cache_write_5m_tokens=40, cache_write_1h_tokens=2).input_tokens


def test_cached_tokens_within_the_input_are_left_as_they_are() -> None:
    assert 542 == one(input_tokens=542, cache_read_tokens=500, cache_write_5m_tokens=40, cache_write_1h_tokens=2).input_tokens


def test_reasoning_counted_beside_the_output_is_added_to_it() -> None:
    assert (2 + 30, 2) == (one(reasoning_tokens=30).output_tokens, one(reasoning_tokens=1).output_tokens)


@pytest.mark.parametrize("name", ["cache_write_tokens", "cache_creation_input_tokens"])
def test_cache_writes_without_a_lifetime_are_of_the_shorter_one(name: str) -> None:
    assert 70 == one(**{name: 70, "input_tokens": 100}).cache_write_5m_tokens


def test_of_a_total_of_cache_writes_only_the_rest_is_added() -> None:
    event = one(cache_creation_input_tokens=70, cache_write_1h_tokens=50, input_tokens=100)
    assert (20, 50) == (event.cache_write_5m_tokens, event.cache_write_1h_tokens)


def test_other_names_of_the_counts_are_known() -> None:
    named = {name: value for name, value in GOOD.items() if "tokens" not in name}
    event = read(lines({**named, "prompt_tokens": 9, "completion_tokens": 3, "cache_read_input_tokens": 4})).events[0]
    assert (9, 3, 4) == (event.input_tokens, event.output_tokens, event.cache_read_tokens)


def test_texts_lose_what_nobody_can_see() -> None:
    event = one(user=" a\x00b\u0085\n ", team="", feature="x" * 2000, tenant=42)
    assert ("ab", None, 1000, "42") == (event.user, event.team, len(event.feature or ""), event.tenant)


def test_providers_have_one_spelling() -> None:
    assert ["AWS", "Google Cloud", "Somebody Else"] == [one(provider=name).provider for name in ("bedrock", "vertex_ai", "Somebody Else")]


def test_unknown_fields_are_ignored_and_told() -> None:
    reading = read(lines({**GOOD, "colour": 1}, {**GOOD, "colour": 2, "shape": None}, GOOD))
    assert (3, ("ignored fields that are not part of a usage event: colour (2)",)) == (len(reading.events), reading.notes)


def test_an_unreadable_field_that_costs_nothing_is_left_out_and_told() -> None:
    reading = read(lines({**GOOD, "user": {"id": 1}, "estimated": "maybe", "prefix_hashes": "abc", "latency_ms": -1}))
    assert (None, False, (), None) == (
        reading.events[0].user, reading.events[0].estimated, reading.events[0].prefix_hashes, reading.events[0].latency_ms
    )  # fmt: skip
    assert ("left out unreadable values: user (1), estimated (1), prefix_hashes (1), latency_ms (1)",) == reading.notes


def test_a_fraction_of_a_millisecond_is_rounded() -> None:
    assert 813 == one(latency_ms=812.6).latency_ms


def test_a_key_given_twice_counts_as_the_last() -> None:
    assert (
        7 == read(b'{"time":"2026-03-01T12:00:00Z","request_id":"r","model":"m","input_tokens":1,"input_tokens":7}').events[0].input_tokens
    )


def test_nesting_without_end_is_a_bad_line_only() -> None:
    reading = read(lines(GOOD) + b'{"a":' + b"[" * 200_000 + b"\n" + lines(GOOD))
    assert (2, 1) == (len(reading.events), len(reading.bad))


def test_an_event_made_elsewhere_is_tidied() -> None:
    event = Event(time=datetime(2026, 3, 1, 13), request_id=" r ", model="m", provider="openai", input_tokens=1, cache_read_tokens=5)  # noqa: DTZ001
    assert tidy(event) is None
    assert ("r", "OpenAI", 6, UTC) == (event.request_id, event.provider, event.input_tokens, event.time.tzinfo)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@given(st.lists(st.dictionaries(st.sampled_from([*EVENT_FIELDS, "cache_write_tokens", "x"]), VALUES, max_size=6), max_size=5))
def test_whatever_the_fields_hold_each_line_is_an_event_or_told(changed: list[dict[str, Any]]) -> None:
    reading = read(lines(*({**GOOD, **changes} for changes in changed)))
    assert len(changed) == len(reading.events) + len(reading.bad)
    assert reading.events == read(write(reading.events)).events
    assert all(event.input_tokens >= event.cache_read_tokens for event in reading.events)


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_read_without_an_error(body: bytes) -> None:
    reading = read(body)
    assert [] == reading.events
