"""Pictures of answers: looked at by eye once, held to their promises here."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given, settings
from PIL import Image

from finops.answers import Answer, Point
from finops.charts import COLOURS, Picture, draw
from finops.periods import Period
from tests.finops.answer_samples import WEEK, answer, any_answer, ask, by_model, money, week

INCOMPLETE_DAY = WEEK.end - timedelta(days=1)


def pixels(picture: Picture) -> Image.Image:
    return Image.open(BytesIO(picture.png)).convert("RGB")


def colour(name: str) -> tuple[int, ...]:
    return tuple(int(name[n : n + 2], 16) for n in (1, 3, 5))


def inked(picture: Picture, name: str) -> int:
    """How many pixels have exactly this colour."""
    return pixels(picture).tobytes().count(bytes(colour(name)))


def edges(picture: Picture, name: str) -> tuple[int, int, int, int]:
    """The box around all pixels of this colour in the plotting area."""
    image = pixels(picture)
    area = image.crop((0, int(image.height * 0.25), int(image.width * 0.7), int(image.height * 0.85)))
    found = [divmod(n, area.width) for n, each in enumerate(area.get_flattened_data()) if each == colour(name)]
    return min(x for _, x in found), min(y for y, _ in found), max(x for _, x in found), max(y for y, _ in found)


def blue_in_column(image: Image.Image, day: int) -> int:
    """How high the bar of this day of the week is, in pixels."""
    x = int(image.width * (0.105 + 0.85 * (day + 0.6) / 7.2))
    return sum(image.getpixel((x, y)) == colour(COLOURS[0]) for y in range(image.height))


def with_points(given_answer: Answer, *points: Point) -> Answer:
    costs = [point.cost for point in points if point.cost is not None]
    return replace(given_answer, sums=(replace(given_answer.sums[0], series=points, total=sum(costs, Decimal(0))),))


def test_a_picture_is_wide_enough_for_a_phone_and_small_enough_to_send() -> None:
    picture = draw(by_model(("opus", "haiku", "sonnet", "gpt", "gemini", "llama", "mistral", None), days=30))
    width, height = pixels(picture).size
    assert (width >= 1200, width == 2 * height, len(picture.png) < 150_000) == (True, True, True)


def test_the_words_hold_the_numbers() -> None:
    assert (
        "team ml by model: $21.00 (effective), 13–19 Nov 2026. opus $14.00 (66.7 %); haiku $7.00 (33.3 %). "
        "13 Nov $3.00; 14 Nov $3.00; 15 Nov $3.00; 16 Nov $3.00; 17 Nov $3.00; 18 Nov $3.00; 19 Nov $3.00."
    ).replace("66.7", "67").replace("33.3", "33") == draw(by_model()).alt_text


def test_missing_and_incomplete_days_are_named_in_words() -> None:
    points = [Point(day, money("1"), True) for day in WEEK]
    points[2], points[6] = Point(points[2].start, None, False), Point(points[6].start, money("0.5"), False)
    words = draw(with_points(answer(week()), *points)).alt_text
    assert ("15 Nov no data;" in words, "19 Nov $0.50 (incomplete)." in words) == (True, True)


def test_an_incomplete_day_of_groups_says_so_in_words() -> None:
    day = replace(by_model(days=1), complete_until=INCOMPLETE_DAY)
    assert "(effective), 19 Nov 2026, not complete yet." in draw(day).alt_text


def test_groups_stack_in_proportion_to_their_cost() -> None:
    picture = draw(by_model(("opus", "haiku")))
    ratio = inked(picture, COLOURS[0]) / inked(picture, COLOURS[1])
    assert 1.8 < ratio < 2.25  # two to one, give or take outlines and the legend


def test_a_bar_twice_as_dear_is_twice_as_high() -> None:
    """Bars begin at zero: heights compare as amounts do."""
    points = [Point(day, money("2") if n < 3 else money("1"), True) for n, day in enumerate(WEEK)]
    image = pixels(draw(with_points(answer(week(), query=ask(compare=None)), *points)))
    assert abs(blue_in_column(image, 0) - 2 * blue_in_column(image, 6)) <= 4


def test_an_incomplete_day_is_not_drawn_like_the_others() -> None:
    whole = by_model(("opus",))
    last = [*whole.sums[0].series[:-1], replace(whole.sums[0].series[-1], complete=False)]
    assert inked(draw(with_points(whole, *last)), COLOURS[0]) < 0.92 * inked(draw(whole), COLOURS[0])


def test_a_missing_day_leaves_a_gap() -> None:
    whole = answer(week(), query=ask(compare=None))
    points = list(whole.sums[0].series)
    points[3] = Point(points[3].start, None, False)
    image = pixels(draw(with_points(whole, *points)))
    assert [blue_in_column(image, n) > 100 for n in (2, 3, 4)] == [True, False, True]


def test_credits_hang_below_zero() -> None:
    whole = answer(week(), query=ask(compare=None))
    points = [Point(day, money("-5") if n % 2 else money("5"), True) for n, day in enumerate(WEEK)]
    up, down = edges(draw(whole), COLOURS[0]), edges(draw(with_points(whole, *points)), COLOURS[0])
    assert abs((down[3] - down[1]) - (up[3] - up[1])) < 0.25 * (up[3] - up[1])


def test_one_day_by_model_has_a_bar_for_each_model() -> None:
    picture = draw(by_model(("opus", "haiku", "sonnet"), days=1))
    assert "opus $3.00 (50 %); haiku $2.00 (33 %); sonnet $1.00 (17 %)" in picture.alt_text
    assert inked(picture, COLOURS[0]) > 10_000


def test_names_are_never_read_as_formulas_and_need_no_font() -> None:
    """Warnings are errors here: a missing sign would raise, and so would a broken formula."""
    picture = draw(by_model(("$x_1$ ^{", r"\frac{1}{0}$$", "日本語モデル", "عربي", "😀🦙", "n" * 300)))
    assert "日本語モデル" in picture.alt_text


def test_wide_names_stay_on_the_page() -> None:
    for days in (1, 7):
        image = pixels(draw(by_model(("W" * 90, "日" * 90, "x"), days=days)))
        margins = [image.crop((x, 0, x + 8, image.height)).getcolors() for x in (0, image.width - 8)]
        assert margins == [[(8 * image.height, (255, 255, 255))]] * 2


def test_long_ranges_are_drawn_too() -> None:
    year = Period(WEEK.end - timedelta(days=365), WEEK.end)
    points = tuple(Point(day, money("1") * (day.day + 1), True) for day in year)
    picture = draw(with_points(answer(week(), query=ask(period=year, compare=None)), *points))
    assert (len(picture.png) < 150_000, len(picture.alt_text) <= 2000) == (True, True)


def test_nothing_to_draw_says_so() -> None:
    assert draw(answer()).alt_text == "team ml: no data."


def test_the_currency_asked_for_is_drawn() -> None:
    both = answer(week("7"), week("70", currency="EUR"))
    assert ("$7.00" in draw(both).alt_text, "€70.00" in draw(both, currency="EUR").alt_text) == (True, True)


def test_a_currency_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no figures in CHF, only in USD"):
        draw(answer(week()), currency="CHF")


def test_many_threads_draw_the_same_pictures_as_one() -> None:
    answers = [by_model(("opus", "haiku", "日本")), answer(week()), by_model(("a", "b"), days=1), by_model(("x",), days=40)]
    alone = [draw(each).png for each in answers]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda n: draw(answers[n % 4]).png, range(16)))
    assert alone * 4 == together


@settings(max_examples=40, deadline=None)
@given(any_answer(most_rows=9))
def test_any_answer_can_be_drawn(given_answer: Answer) -> None:
    picture = draw(given_answer)
    assert (picture.png[:4], 0 < len(picture.alt_text) <= 2000) == (b"\x89PNG", True)
