"""No secret reaches a log, whichever way it came into the record."""

import io
import logging
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.redaction import Redactor, redact
from finops.secret import Secret

LOWER, UPPER, MIXED = "[a-z0-9]", "[A-Z0-9]", "[A-Za-z0-9]"


def body(letters: str, length: int) -> st.SearchStrategy[str]:
    return st.from_regex(f"{letters}{{{length}}}", fullmatch=True)


# What the form of a secret is → the secret part, and how it stands in a text. Prefixes are joined here, so that this
# file holds nothing that looks like a secret itself.
FORMS: dict[str, tuple[st.SearchStrategy[str], Callable[[str], str]]] = {
    "slack bot token": (body(MIXED, 24), lambda x: "-".join(("xoxb", "123456789012", x))),
    "slack user token": (body(MIXED, 24), lambda x: "-".join(("xoxp", "123456789012", x))),
    "slack app token": (body(LOWER, 64), lambda x: "-".join(("xapp", "1", "A012345", "99", x))),
    "slack rotated token": (body(MIXED, 40), lambda x: "-".join(("xoxe.xoxb", "1", x))),
    "slack refresh token": (body(MIXED, 40), lambda x: "-".join(("xoxe", "1", x))),
    "slack webhook": (body(MIXED, 24), lambda x: f"https://hooks.slack.com/services/T0/B0/{x}"),
    "slack response url": (body(MIXED, 24), lambda x: f"https:\\/\\/hooks.slack.com\\/commands\\/T0\\/1\\/{x}"),
    "slack response url in a form": (body(MIXED, 24), lambda x: f"response_url=https%3A%2F%2Fhooks.slack.com%2Factions%2FT0%2F{x}&x=1"),
    "local response url": (body(MIXED, 24), lambda x: f'{{"response_url": "http://127.0.0.1:8738/respond/{x}"}}'),
    "slack signature": (body("[0-9a-f]", 64), lambda x: f"v0={x}"),
    "anthropic key": (body("[A-Za-z0-9_-]", 80), lambda x: f"sk-ant-api03-{x}"),
    "openai key": (body(MIXED, 48), lambda x: f"sk-{x}"),
    "openai project key": (body("[A-Za-z0-9_-]", 90), lambda x: f"sk-proj-{x}"),
    "aws access key id": (body(UPPER, 16), lambda x: f"AKIA{x}"),
    "aws session key id": (body(UPPER, 16), lambda x: f"ASIA{x}"),
    "aws authorization": (
        body("[0-9a-f]", 64),
        lambda x: f"'Authorization': b'AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature={x}'",
    ),
    "aws session token": (body("[A-Za-z0-9+/]", 60), lambda x: f"X-Amz-Security-Token: {x}=="),
    "aws secret key": (body("[A-Za-z0-9+/]", 40), lambda x: f"aws_secret_access_key = {x}"),
    "aws secret in json": (body("[A-Za-z0-9+/]", 40), lambda x: f'{{"SecretAccessKey": "{x}", "SessionToken": "{x}"}}'),
    "google private key": (
        body("[A-Za-z0-9+/]", 200),
        lambda x: f'"private_key": "-----BEGIN PRIVATE KEY-----\\n{x}\\n-----END PRIVATE KEY-----\\n", "client_email": "a"',
    ),
    "private key on lines": (
        body("[A-Za-z0-9+/]", 64),
        lambda x: f"-----BEGIN RSA PRIVATE KEY-----\n{x}\n{x}\n-----END RSA PRIVATE KEY-----",
    ),
    "private key cut off": (body("[A-Za-z0-9+/]", 64), lambda x: f"-----BEGIN EC PRIVATE KEY-----\n{x}"),
    "google api key": (body(MIXED, 35), lambda x: f"AIza{x}"),
    "google access token": (body(MIXED, 60), lambda x: f"ya29.{x}"),
    "web token": (body(MIXED, 30), lambda x: f"eyJhbGciOiJub25lIn0.eyJ{x}.{x}"),
    "bearer": (body(MIXED, 30), lambda x: f"curl -H 'Authorization: Bearer {x}'"),
    "bearer alone": (body(MIXED, 30), lambda x: f"sent Bearer {x} to the gateway"),
    "basic": (body(MIXED, 30), lambda x: f"Authorization: Basic {x}=="),
    "api key header": (body(MIXED, 30), lambda x: f"x-api-key: {x}"),
    "cookie": (body(MIXED, 30), lambda x: f"Cookie: session={x}; other={x}"),
    "database url": (body(MIXED, 12), lambda x: f"postgresql+psycopg://bot:{x}@db:5432/finops"),
    "database url with odd letters": (body(MIXED, 12), lambda x: f"postgresql://bot:{x}@{x}/{x}:{x}@db/finops"),
    "database url without user": (body(MIXED, 12), lambda x: f"redis://:{x}@cache/0"),
    "azure sas": (body("[A-Za-z0-9%]", 44), lambda x: f"https://a.blob.core.windows.net/c?sv=2024&sig={x}&se=2026"),
    "azure account key": (body("[A-Za-z0-9+/]", 86), lambda x: f"AccountName=a;AccountKey={x}==;EndpointSuffix=core"),
    "password in a text": (body(MIXED, 12), lambda x: f"password={x}"),
    "password in json": (body(MIXED, 12), lambda x: f'{{"password": "{x} {x}\\"{x}"}}'),
    "password in json in json": (body(MIXED, 12), lambda x: f'{{\\"password\\": \\"{x} {x}\\"}}'),
    "password cut off": (body(MIXED, 12), lambda x: f'{{"password": "{x}'),
    "password in a record": (body(MIXED, 12), lambda x: f"Login(user='a', password='{x}')"),
    "token in a query": (body(MIXED, 20), lambda x: f"GET /x?access_token={x}&team=ml"),
}
AROUND = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


def logged(message: object, *args: object, known: tuple[Secret, ...] = (), **more: object) -> str:
    """Return what a handler with the filter writes, extra fields included."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s|%(note)s", defaults={"note": ""}))
    handler.addFilter(Redactor(known))
    logger = logging.Logger("redaction")
    logger.addHandler(handler)
    logger.error(message, *args, **more)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_survives_in_any_place_of_a_record(form: str) -> None:
    secrets, written = FORMS[form]

    @settings(deadline=None, max_examples=15)
    @given(secrets, AROUND, AROUND)
    def check(secret: str, before: str, after: str) -> None:
        text = f"{before} {written(secret)} {after}"
        assert secret not in logged(text)
        assert secret not in logged("%s and %s", text, {"inner": [text]})
        assert secret not in logged("%r", ValueError(text))
        assert secret not in logged("x", extra={"note": {"deep": text}})

    check()


@pytest.mark.parametrize(
    "prefix", ["token=", "token: '", "Authorization: Bearer ", "xoxb-", "sk-ant-", "sk-", "ya29.", "eyJabcdefg.", "x?sig="]
)
def test_a_secret_of_any_length_is_masked_to_its_end(prefix: str) -> None:
    assert "canary" not in redact(f"{prefix}{'a1' * 20_000}canary")


@pytest.mark.parametrize("form", FORMS)
def test_masking_twice_changes_nothing_more(form: str) -> None:
    secrets, written = FORMS[form]

    @settings(deadline=None, max_examples=15)
    @given(secrets)
    def check(secret: str) -> None:
        once = redact(f"a {written(secret)} z")
        assert redact(once) == once

    check()


@pytest.mark.parametrize(
    "text",
    [
        "loaded 1,200 rows of aws for 2026-11 in 1.5 s",
        "max_tokens=500 input_tokens: 12000 cache_read_tokens=3",
        "GET /v1/ask?text=team%3Dml&by=model HTTP/1.1 200",
        "http://127.0.0.1:8737/healthz is up, region asia-northeast1, task-force, risk-adjusted",
        "sqlite:///conf/.finops/state.sqlite",
        "arn:aws:iam::123456789012:role/finops-reader",
        "budgets.yaml:3: unknown field 'monthy'; did you mean 'monthly'?",
        "anna@example.com asked at 12:30 for model claude-haiku-4-5",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://bot:canary@db/x failed", "postgresql://bot:•••@db/x failed"),
        ("GET /x?token=canary&team=ml", "GET /x?token=•••&team=ml"),
        ("https://hooks.slack.com/services/T/B/canary is down", "https://hooks.slack.com/services/••• is down"),
        ('{"api_key": "canary", "team": "ml"}', '{"api_key": •••, "team": "ml"}'),
    ],
)
def test_what_surrounds_a_secret_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_a_known_secret_without_any_form_is_masked_also_when_quoted() -> None:
    known = (Secret("8f742231b10e8888abcd99yyyzzz85a5"), Secret("p@ss/word"))
    assert logged("%s p@ss/word p%%40ss%%2Fword", known[0].reveal(), known=known) == "••• ••• •••|\n"


def test_a_known_secret_too_short_to_be_one_does_not_blank_out_words() -> None:
    assert logged("main", known=(Secret("a"), Secret(""))) == "main|\n"


def test_a_secret_that_only_the_whole_message_shows_is_masked() -> None:
    assert logged("password=%s for %s", "canary", "ml") == "password=••• for ml|\n"


def test_a_field_named_like_a_secret_is_masked_whatever_it_holds() -> None:
    assert logged("%(user)s %(db_password)s", {"user": "ann", "db_password": 12345678}) == "ann •••|\n"


def test_arguments_that_do_not_fit_are_logged_rather_than_lost() -> None:
    assert logged("%d rows of %s", "many") == "%d rows of %s ('many',)|\n"


def test_a_traceback_is_masked_too() -> None:
    def fail() -> None:
        raise ConnectionError("postgresql://bot:canary@db/x refused")

    try:
        fail()
    except ConnectionError:
        text = logged("no database", exc_info=True, stack_info=True)
    assert "canary" not in text
    assert re.search(r"ConnectionError: postgresql://bot:•••@db/x refused", text)


def test_arguments_keep_their_types_where_they_are_clean() -> None:
    """Access logs of web servers take their record's arguments apart."""
    record = logging.makeLogRecord({"msg": '%s "%s" %d', "args": ("127.0.0.1", "/x?token=canary", 200)})
    assert Redactor().filter(record) is True
    assert record.args == ("127.0.0.1", "/x?token=•••", 200)


def test_what_cannot_be_printed_does_not_break_the_log() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("canary")

    assert logged("%s", Broken()) == "a Broken that cannot be printed|\n"


HOSTILE = [
    "a://b:",
    "password=",
    "-----BEGIN PRIVATE KEY-----",
    "eyJ",
    "eyJ.",
    "sk-",
    "xoxb-",
    "\\",
    ".",
    "'",
    "authorization:",
    'token: "\\',
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.timeout(60)  # to look back from each character over all before it takes far longer
def test_a_hostile_line_costs_time_in_proportion(piece: str) -> None:
    assert redact(piece * (1_000_000 // len(piece)))
