"""What a question asks for: filters, splits, steps, kinds of cost, currencies, and what of it is known."""

from datetime import date

import pytest

from finops.language.words import DIMENSION_WORDS
from finops.query import CostQuery, Filter, parse, spelled, unknown_values

TODAY = date(2026, 11, 20)


def ask(text: str) -> CostQuery:
    return parse(text, TODAY)


def one(dimension: str, *values: str) -> tuple[Filter, ...]:
    return (Filter(dimension, values),)


def but(dimension: str, *values: str) -> tuple[Filter, ...]:
    return (Filter(dimension, values, negated=True),)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("team=ml", one("team", "ml")),
        ("TEAM=ML", one("team", "ML")),
        ("team = ml", one("team", "ml")),
        ("team==ml", one("team", "ml")),
        ("teams=ml,search", one("team", "ml", "search")),
        ("team=ml, search", one("team", "ml", "search")),
        ("team=ml ,search", one("team", "ml", "search")),
        ("team=ml,ml", one("team", "ml")),
        ("team!=ml", but("team", "ml")),
        ("team ≠ ml", but("team", "ml")),
        ("not team=ml", but("team", "ml")),
        ("excluding env=dev,staging", but("env", "dev", "staging")),
        ("sem ambiente=dev", but("env", "dev")),
        ("not team!=ml", one("team", "ml")),
        ("env:prod", one("env", "prod")),
        ("env:prod,dev", one("env", "prod", "dev")),
        ('env:"my prod"', one("env", "my prod")),
        ("service=Amazon*", one("service", "Amazon*")),
        ("team=none", one("team", "none")),
        ("team=None", one("team", "none")),
        ("equipe=nenhuma", one("team", "none")),
        ('team="None"', one("team", "None")),
        ("team=*", one("team", "*")),
        ("team=***", one("team", "*")),
        ("model=claude-opus-4:latest", one("model", "claude-opus-4:latest")),
        ("resource=arn:aws:ec2:eu-west-1:42:instance/i-1", one("resource", "arn:aws:ec2:eu-west-1:42:instance/i-1")),
        ("model=a=b..c", one("model", "a=b..c")),
        ("user=O'Brien", one("user", "O'Brien")),
        ("how much did team=ml cost?", one("team", "ml")),
        ("the cost of team=ml.", one("team", "ml")),
        ("`team=ml`", one("team", "ml")),
        ("token type=input", one("token_type", "input")),
        ("token-type=input", one("token_type", "input")),
        ("tipo de token=input", one("token_type", "input")),
        ("região=eu-west-1", one("region", "eu-west-1")),
        ("team=today", one("team", "today")),
        ("currency=EUR", one("currency", "EUR")),
    ],
)
def test_filters(text: str, scope: tuple[Filter, ...]) -> None:
    assert scope == ask(text).scope


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('team="data science"', "data science"),
        ("team='data science'", "data science"),
        ("team=“data science”", "data science"),
        ('team=“data science"', "data science"),
        ("team=‘data science’", "data science"),
        ('team="a,b"', "a,b"),
        ('team="last 7d"', "last 7d"),
        ('team="say ""hi"" now"', 'say "hi" now'),
        ('team="it\'s"', "it's"),
        ('team=" padded "', " padded "),
    ],
)
def test_quotes_hold_spaces_and_commas(text: str, value: str) -> None:
    assert one("team", value) == ask(text).scope


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("user=R&amp;D", "R&D"),
        ('user="a &lt; b &gt; c"', "a < b > c"),
        ("user=<@U123|ana>", "ana"),
        ("user=<@U123|ana silva>", "ana silva"),
        ("user=<@U123>", "U123"),
        ("user:<@U123>", "U123"),
        ("user=<#C12|ml-costs>", "ml-costs"),
        ("user=<mailto:ana@example.com|ana@example.com>", "ana@example.com"),
        ("user=<https://example.com|example.com>", "example.com"),
        ('user="<https://example.com>"', "https://example.com"),
        ('user="&amp;lt;"', "&lt;"),
    ],
)
def test_what_slack_rewrites_is_read_as_typed(text: str, value: str) -> None:
    assert one("user", value) == ask(text).scope


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("tag:cost-center=42", one("tag:cost-center", "42")),
        ('tag:"cost center"!=x', but("tag:cost center", "x")),
        ("Tag:CostCenter = 42", one("tag:CostCenter", "42")),
        ("etiqueta:dono=ana", one("tag:dono", "ana")),
        ("tag:aws:createdBy=ana", one("tag:aws:createdBy", "ana")),
    ],
)
def test_tags_keep_the_case_of_their_key(text: str, scope: tuple[Filter, ...]) -> None:
    assert scope == ask(text).scope


def test_filters_keep_their_order_and_must_all_hold() -> None:
    expected = one("service", "Amazon*") + one("env", "prod") + one("service", "*EC2*")
    assert expected == ask("service=Amazon* env=prod service=*EC2*").scope


def test_a_filter_said_twice_counts_once() -> None:
    assert one("team", "ml") == ask("team=ml equipe=ml").scope


def test_values_to_leave_out_are_put_together() -> None:
    assert but("team", "ml", "search") + one("env", "prod") == ask("team!=ml env=prod team!=search").scope


def test_a_comma_does_not_swallow_the_next_part_of_the_question() -> None:
    query = ask("team=ml, last month, by model, env:prod, top 5")
    assert one("team", "ml") + one("env", "prod") == query.scope
    assert (date(2026, 10, 1), ("model",), 5) == (query.period.start, query.by, query.top)


@pytest.mark.parametrize(("word", "name"), [pair for pair in DIMENSION_WORDS.items() if "_" not in pair[0]])
def test_every_word_for_a_dimension_filters_and_splits(word: str, name: str) -> None:
    query = ask(f"{word}=x by {word}")
    assert (one(name, "x"), (name,)) == (query.scope, query.by)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("by model", ("model",)),
        ("by=model", ("model",)),
        ("BY Model", ("model",)),
        ("by the model", ("model",)),
        ("by=team,model", ("team", "model")),
        ("by team, model, env", ("team", "model", "env")),
        ("by team and by model", ("team", "model")),
        ("by team by model", ("team", "model")),
        ("by model, model", ("model",)),
        ("split by services", ("service",)),
        ("per user", ("user",)),
        ("for each category", ("category",)),
        ("por=modelo", ("model",)),
        ("por região e conta", ("region", "account")),
        ("by tag:cost-center", ("tag:cost-center",)),
        ('by tag:"cost center",model', ("tag:cost center", "model")),
        ("by service category", ("service_category",)),
        ("top 5 models", ("model",)),
        ("the top most expensive teams", ("team",)),
        ("by team env=prod", ("team",)),
    ],
)
def test_splits(text: str, by: tuple[str, ...]) -> None:
    assert by == ask(text).by


@pytest.mark.parametrize(
    ("text", "grain"),
    [
        ("last 7d", "day"),
        ("last 90d", "week"),
        ("2026", "month"),
        ("2026 daily", "day"),
        ("last 7d weekly", "week"),
        ("per month", "month"),
        ("by day", "day"),
        ("by=week", "week"),
        ("grain=month", "month"),
        ("week by week", "week"),
        ("diário", "day"),
        ("semanal", "week"),
        ("mensal", "month"),
        ("por mês", "month"),
    ],
)
def test_steps(text: str, grain: str) -> None:
    assert grain == ask(text).grain


def test_dimensions_and_a_step_may_share_one_by() -> None:
    query = ask("by model, week and env")
    assert (query.by, query.grain) == (("model", "env"), "week")


@pytest.mark.parametrize(("text", "top"), [("", 10), ("top 5", 5), ("top=100", 100), ("top1", 1), ("top 3 models", 3)])
def test_how_many_rows(text: str, top: int) -> None:
    assert top == ask(text).top


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("cost of everything", "effective"),
        ("cost=billed", "billed"),
        ("cost billed", "billed"),
        ("billed cost", "billed"),
        ("cost = list", "list"),
        ("list prices", "list"),
        ("cost=contracted", "contracted"),
        ("amortised", "effective"),
        ("unblended", "billed"),
        ("invoiced", "billed"),
        ("custo=efetivo", "effective"),
        ("custo=faturado", "billed"),
        ("custo de lista", "list"),
        ("custo=lista", "list"),
        ("preço de lista", "list"),
        ("metric=billed", "billed"),
    ],
)
def test_kinds_of_cost(text: str, metric: str) -> None:
    assert metric == ask(text).metric


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", None),
        ("in EUR", "EUR"),
        ("in eur", "EUR"),
        ("in=EUR", "EUR"),
        ("em BRL", "BRL"),
        ("in all", None),
        ("in ALL", "ALL"),
        ("in march", None),
    ],
)
def test_currencies(text: str, currency: str | None) -> None:
    assert currency == ask(text).currency


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        ("what did our AI cost yesterday?", "quanto custou nossa IA ontem?"),
        ("show me the spend of team=ml last month by model", "mostre o gasto da equipe=ml no mês passado por modelo"),
        (
            "how much, please, in BRL, by service, last 7d vs last year",
            "quanto, por favor, em BRL, por serviço, últimos 7d contra ano passado",
        ),
    ],
)
def test_both_languages_ask_the_same(english: str, portuguese: str) -> None:
    assert ask(english) == ask(portuguese)


def test_words_may_come_in_any_order() -> None:
    assert ask("team=ml by model last month top 5") == ask("top 5 last month by model team=ml")


def test_values_the_ledger_does_not_hold_are_named_with_the_nearest() -> None:
    query = ask("team=mll,ml,none,m* env!=prd tag:x=1 service=zzz")
    known = {"team": {"ml", "search"}, "env": ["prod"], "service": ()}
    assert unknown_values(query, known) == [
        "no team 'mll' in the ledger; did you mean 'ml'?",
        "no env 'prd' in the ledger; did you mean 'prod'?",
        "no service 'zzz' in the ledger",
    ]


def test_capitals_are_spelled_as_in_the_ledger_where_nothing_has_them_as_asked() -> None:
    known = {"provider": ["Anthropic", "OpenAI"], "team": ["ml", "ML"]}
    asked = ask("provider=anthropic,OPENAI,none,x team=Ml service=bedrock env!=Prod")
    meant = ask("provider=Anthropic,OpenAI,none,x team=Ml service=bedrock env!=Prod")
    assert meant == spelled(asked, known) == spelled(meant, known)


def test_a_known_question_has_no_unknown_values() -> None:
    assert unknown_values(ask("team=ml tag:x=1"), {"team": {"ml"}}) == []
