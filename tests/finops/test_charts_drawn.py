"""Courses and bridges as pictures: whatever is missing or odd, a picture comes of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from finops.charts_drawn import draw_drawing
from finops.telling.drawings import Bridge, Course, Mark

DAYS = tuple(date(2026, 11, 1) + timedelta(days=n) for n in range(10))
PNG = b"\x89PNG\r\n\x1a\n"


def course(**more: Any) -> Course:
    told: dict[str, Any] = {"actual": (5.0, None, 7.0, *[None] * 7), "expected": (*[None] * 3, *[6.0] * 7)}
    return Course("What comes", "60 USD", "data to 3 Nov", "USD", DAYS, **{**told, **more})


@pytest.mark.parametrize(
    "drawn",
    [
        course(),
        course(actual=(None,) * 10, expected=()),
        course(expected=()),
        course(inner=((5.0,) * 10, (7.0,) * 10), outer=((1.0,) * 10, (9.0,) * 10), level=(8.0, "budget a day"), partial=frozenset({2})),
        course(actual=(-5.0,) * 10, marks=(Mark(2, 4, "not as usual"),)),
        Bridge("Why", "5 to 9", "", "EUR", ("before", 5), ("after", 9), (("model=<b>$x$", 5), ("rest", -1))),
        Bridge("Why", "nothing", "", "USD", ("before", 0), ("after", 0)),
    ],
)
def test_whatever_is_to_be_drawn_becomes_a_picture(drawn: Course | Bridge) -> None:
    assert draw_drawing(drawn).png.startswith(PNG)


def test_hours_and_long_courses_are_drawn_too() -> None:
    hours = tuple(datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(200))
    found = draw_drawing(Course("By the hour", "", "", "USD", hours, (1.0,) * 200))
    assert found.png.startswith(PNG)


def test_the_words_of_a_picture_are_its_alt_text_or_else_its_title() -> None:
    assert ("60 USD by 10 Nov", "What comes") == (
        draw_drawing(course(alt_text="60 USD by 10 Nov")).alt_text,
        draw_drawing(course()).alt_text,
    )
