"""How S3 is reached: roles, refusals, resumed downloads, the command line and `check --online`."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from bot import cli
from bot.online import checked, problems_online, remarks
from finops.errors import SourceError
from finops.ports import Offer
from finops.sources.aws_s3 import S3, told
from finops.sources.downloads import bring
from finops.sources.objects_source import ObjectSource
from finops.sources.retries import Backoff, BrokenOffError
from tests.conftest import free_port
from tests.integration.conftest import Bucket, Configured
from tests.integration.exports import Export, billed, cur, run

EVER = date(2000, 1, 1)
QUICK = Backoff(tries=2, first=0)
ROLE = "arn:aws:iam::123456789012:role/finops-read"


def source(bucket: Bucket, name: str | None = None, **options: str) -> ObjectSource:
    store = S3(name or bucket.name, {"endpoint": bucket.endpoint, **options})
    return ObjectSource("aws", "aws", store, "billing/cur2", backoff=QUICK)


def test_a_role_is_assumed_where_one_is_given(bucket: Bucket) -> None:
    Export(bucket).deliver("2026-04", ["1"])
    [offer] = source(bucket, role=ROLE).offers(EVER)
    assert "2026-04" == offer.period


def test_a_bucket_that_is_not_there_is_told(bucket: Bucket) -> None:
    assert ["there is no bucket s3://no-such-bucket; check the spelling and the account"] == source(bucket, "no-such-bucket").problems()


def test_an_empty_folder_is_told(bucket: Bucket) -> None:
    [problem] = source(bucket).problems()
    assert f"s3://{bucket.name}/billing/cur2 holds no bills; check the spelling, or wait for the first export" == problem


def test_a_profile_nobody_made_is_told(bucket: Bucket) -> None:
    assert ["AWS cannot be asked: The config profile (nobody) could not be found"] == source(bucket, profile="nobody").problems()


def test_missing_credentials_are_told_with_the_ways_to_give_them(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    [problem] = source(bucket).problems()
    assert problem.startswith(f"no AWS credentials are found for s3://{bucket.name}; set a profile")


@pytest.mark.parametrize(
    ("code", "status", "kind", "said"),
    [
        ("AccessDenied", 403, SourceError, "s3://b refuses us (AccessDenied): the role or user needs the permission s3:ListBucket"),
        ("ExpiredToken", 400, SourceError, "AWS does not accept our credentials for s3://b (ExpiredToken); renew them"),
        ("PreconditionFailed", 412, SourceError, "s3://b changed while it was fetched; the next run takes the new delivery"),
        ("SlowDown", 503, BrokenOffError, "listing s3://b: SlowDown"),
        ("Anything", 500, BrokenOffError, "listing s3://b: Anything"),
        ("Anything", 400, SourceError, "listing s3://b failed: Anything"),
    ],
)
def test_what_s3_answers_is_told_and_only_what_may_pass_is_tried_again(code: str, status: int, kind: type[Exception], said: str) -> None:
    from botocore.exceptions import ClientError

    answer = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "ListObjectsV2")
    found = told(answer, "listing", "s3:ListBucket", "s3://b")
    assert (kind, said) == (type(found), str(found))


def test_a_server_that_is_gone_is_told_after_some_tries(bucket: Bucket) -> None:
    gone = S3(bucket.name, {"endpoint": f"http://127.0.0.1:{free_port()}"})
    [problem] = ObjectSource("aws", "aws", gone, "x", backoff=QUICK).problems()
    assert "Could not connect to the endpoint URL" in problem


def test_a_download_goes_on_where_the_killed_run_ended(bucket: Bucket, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    bucket.put("x/big.csv", content)
    store = S3(bucket.name, {"endpoint": bucket.endpoint})
    [stored] = store.list("x/")
    [path] = bring(store, [stored], tmp_path, QUICK, None)
    half = path.with_name(f"{path.name}.part")
    half.write_bytes(path.read_bytes()[:3_000_000])
    path.unlink()
    assert content[3_000_000:] == b"".join(store.stream(stored, 3_000_000))
    [again] = bring(store, [stored], tmp_path, QUICK, None)
    assert content == again.read_bytes()


def test_an_object_that_was_written_anew_meanwhile_is_not_mixed_in(bucket: Bucket, tmp_path: Path) -> None:
    export = Export(bucket)
    [key] = export.deliver("2026-04", ["1"])
    reading = source(bucket)
    [offer] = reading.offers(EVER)
    bucket.put(key, cur("2026-04", ["2"]))
    with pytest.raises(SourceError, match="changed while it was fetched; the next run takes the new delivery"):
        reading.fetch(offer, tmp_path / "here")


def test_an_offer_of_yesterday_must_be_asked_for_again(bucket: Bucket, tmp_path: Path) -> None:
    Export(bucket).deliver("2026-04", ["1"])
    [offer] = source(bucket).offers(EVER)
    with pytest.raises(SourceError, match="is not on offer any more; ask 'aws' again what there is"):
        source(bucket).fetch(Offer(offer.id, offer.period, offer.delivered_at, offer.what), tmp_path)


def test_the_command_line_loads_an_address_and_says_so_again(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str], configured: Configured
) -> None:
    export = Export(bucket)
    export.deliver("2026-03", ["1.5"])
    export.deliver("2026-04", ["2"])
    config = configured().config
    words = ["ingest", "aws", bucket.at(export.root), "--option", f"endpoint={bucket.endpoint}", "--source", "main"]
    assert 0 == cli.main([*words, "--config", str(config), "--json"])
    loads = json.loads(capsys.readouterr().out)["loads"]
    assert [("main", "2026-03", "1.5", "loaded"), ("main", "2026-04", "2", "loaded")] == [
        (load["source"], load["period"], load["billed_cost"], load["status"]) for load in loads
    ]
    assert 0 == cli.main([*words, "--config", str(config), "--json"])
    assert ["unchanged", "unchanged"] == [load["status"] for load in json.loads(capsys.readouterr().out)["loads"]]


def test_the_command_line_ends_with_three_where_a_month_waits(
    bucket: Bucket, capsys: pytest.CaptureFixture[str], configured: Configured
) -> None:
    export = Export(bucket)
    export.deliver("2026-03", ["1.5"])
    export.manifest("2026-04", [f"{export.root}/data/BILLING_PERIOD=2026-04/gone.csv.gz"])
    tools = configured(export.entry())
    assert 3 == cli.main(["ingest", "aws", "--source", "aws-main", "--config", str(tools.config), "--json"])
    waiting = json.loads(capsys.readouterr().out)["loads"][1]
    assert ("waiting", 0, None) == (waiting["status"], waiting["rows"], waiting["billed_cost"])
    assert f"{export.root}/data/BILLING_PERIOD=2026-04/gone.csv.gz is not there" == waiting["reason"]


def test_an_option_nobody_knows_is_refused_with_the_nearest(
    bucket: Bucket, capsys: pytest.CaptureFixture[str], configured: Configured
) -> None:
    config = str(configured().config)
    assert 2 == cli.main(["ingest", "aws", bucket.at("x"), "--option", "regoin=eu-west-1", "--config", config])
    assert "'regoin' is no option of 'aws', which takes endpoint, export, origin, profile, region, role. Did you mean 'region'?" in (
        capsys.readouterr().err
    )


def test_one_source_that_fails_does_not_hold_up_the_others(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1"])
    broken = f'a-broken: {{kind: aws, from: "s3://no-such-bucket-{free_port()}", endpoint: "{bucket.endpoint}"}}'
    tools = configured(export.entry().replace("{aws-main", f"{{{broken}, aws-main"))
    with pytest.raises(SourceError, match=r"^a-broken: there is no bucket s3://no-such-bucket-.*; asked 2 sources: 1 loaded$"):
        run(tools)
    assert {"2026-04": Decimal(1)} == billed(tools)


def test_the_check_names_each_source_and_what_is_wrong_with_it(bucket: Bucket, configured: Configured) -> None:
    Export(bucket).deliver("2026-04", ["1"])
    entries = f'good: {{kind: aws, from: "{bucket.at("billing")}", endpoint: "{bucket.endpoint}"}}'
    entries += f', bad: {{kind: aws, from: "s3://no-such-bucket", endpoint: "{bucket.endpoint}"}}'
    tools = configured(f"sources: {{{entries}, light: {{kind: cost-explorer, endpoint: '{bucket.endpoint}'}}}}")
    assert [
        "source 'bad': there is no bucket s3://no-such-bucket; check the spelling and the account",
    ] == [problem for problem in problems_online(tools) if problem.startswith("source")]
    assert "source 'good' (s3:ListBucket, s3:GetObject)" in checked(tools)
    assert "sources 'light' (cost-explorer) and 'good' (aws) count the same money twice" in " ".join(remarks(tools))
