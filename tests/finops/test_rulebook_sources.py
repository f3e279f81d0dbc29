"""The sources section: kinds, places and options, and two sources that would count one bill twice."""

import pytest

from finops.configuration.rulebook_sources import SourceSettings
from finops.errors import ConfigError
from finops.rulebook import read
from finops.yamlfile import parse


def sources(text: str) -> tuple[SourceSettings, ...]:
    return read(parse(f"sources: {{{text}}}", "budgets.yaml"), None).sources


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        sources(text)
    return caught.value.problems


def test_a_source_says_what_it_is_where_it_is_and_how_it_is_reached() -> None:
    [source] = sources('aws-main: {kind: aws, from: "s3://billing/exports", region: eu-west-1, complete_after: 48h}')
    assert SourceSettings("aws-main", 48, "aws", "s3://billing/exports", (("region", "eu-west-1"),)) == source
    assert ("eu-west-1", None) == (source.option("region"), source.option("role"))


def test_a_source_that_only_tells_how_long_to_wait_is_still_one() -> None:
    assert (SourceSettings("aws", 72),) == sources("aws: {complete_after: 3d}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: {kind: awz, from: x}", "'kind' must be one of aws, azure, gcp"),
        ("a: {kind: aws}", "source 'a' needs 'from'"),
        ('a: {from: "s3://b"}', "says where its bills are but not what they are; add 'kind'"),
        ('a: {kind: aws, from: "s3://b", regio: x}', "unknown field 'regio'"),
        ('a: {kind: aws, from: "s3://b", url: "http://x"}', "a source of kind 'aws' takes complete_after, endpoint, export, from"),
        ('a: {kind: aws, from: "az://acc/cont"}', "cannot begin with 'az://'; give one such as s3://bucket/prefix"),
        ('a: {kind: cost-explorer, from: "s3://b"}', "takes no 'from'; it asks the provider itself"),
        ('a: {kind: azure, from: "https://acc.blob.core.windows.net/c?sig=abc"}', "holds a password or a signature"),
        ('a: {kind: aws, from: "s3://b", role: admin}', "'role' must be the ARN of a role"),
        ('a: {kind: aws, from: "s3://b", endpoint: "http://user:pw@host"}', "'endpoint' must be a web address without a password"),
        ('"a/b": {kind: aws, from: "s3://b"}', "'a/b' is no name for a source that is read"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(text: str, problem: str) -> None:
    [found] = problems(text)
    assert found.startswith("budgets.yaml:1: ")
    assert problem in found


@pytest.mark.parametrize(
    "text",
    [
        'a: {kind: aws, from: "s3://b/x"}, b: {kind: aws, from: "s3://b/x/"}',
        'a: {kind: aws, from: "s3://b/x"}, b: {kind: focus, from: "s3://b"}',
        "a: {kind: cost-explorer}, b: {kind: cost-explorer}",
    ],
    ids=["same place", "one within the other", "same account"],
)
def test_two_sources_of_one_place_are_refused(text: str) -> None:
    [found] = problems(text)
    assert "source 'b' would count the money of source 'a' again" in found


@pytest.mark.parametrize(
    "text",
    [
        'a: {kind: aws, from: "s3://b/x"}, b: {kind: aws, from: "s3://b/xy"}',
        'a: {kind: aws, from: "s3://b", export: one}, b: {kind: aws, from: "s3://b", export: two}',
        "a: {kind: cost-explorer, profile: one}, b: {kind: cost-explorer, profile: two}",
    ],
    ids=["beside each other", "an export each", "an account each"],
)
def test_two_sources_of_different_money_are_fine(text: str) -> None:
    assert ["a", "b"] == [source.name for source in sources(text)]
