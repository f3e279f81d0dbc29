"""Settings come from the environment as a whole, and say which variable is wrong without showing a secret."""

import copy
import json
import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import ConfigError
from finops.secret import Secret
from finops.settings import SETTINGS, Address, config_folder, read, table

CONFIG = Path("conf")
DOCS = Path(__file__).parents[2] / "docs"
BOT, APP = "-".join(("xoxb", "1234", "canary")), "-".join(("xapp", "1", "canary"))


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(environ, CONFIG)
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = read({}, CONFIG)
    assert settings.database_url.reveal() == "sqlite:///conf/.finops/state.sqlite"
    assert settings.ledger_url == "conf/.finops/ledger"
    assert settings.http_address == Address("127.0.0.1", 8737)
    assert (settings.workers, settings.threads, settings.memory_limit, settings.log_level) == (8, None, "1GB", "INFO")
    assert (settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret) == (None, None, None)
    assert settings.slack_api_url == "https://slack.com/api/"


def test_every_setting_is_read_from_its_variable() -> None:
    environ = {
        "FINOPS_CONFIG": "elsewhere",
        "FINOPS_DATABASE_URL": "postgresql+psycopg://bot:canary@db/finops",
        "FINOPS_LEDGER_URL": "bigquery://my-project/costs",
        "FINOPS_HTTP_ADDRESS": "[::]:80",
        "FINOPS_WORKERS": " 4 ",
        "FINOPS_LOG_LEVEL": "debug",
        "FINOPS_MEMORY_LIMIT": "1.5GiB",
        "FINOPS_THREADS": "2",
        "SLACK_BOT_TOKEN": BOT,
        "SLACK_APP_TOKEN": APP,
        "SLACK_SIGNING_SECRET": "canary",
        "SLACK_API_URL": "http://127.0.0.1:8738/api",
        "FINOPS_SLACK_ALERTS_CHANNEL": "#alerts",
        "FINOPS_API_TOKENS": "gateway=0123456789abcdef ci=fedcba9876543210",
        "FINOPS_SPOOL": "waiting",
        "ANTHROPIC_ADMIN_KEY": "sk-ant-admin-canary",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8739",
        "OPENAI_ADMIN_KEY": "sk-admin-canary",
        "OPENAI_BASE_URL": "http://127.0.0.1:8740/v1/",
        "FINOPS_PROMETHEUS_TOKEN": "canary",
        "AZURE_STORAGE_CONNECTION_STRING": "AccountName=bills;AccountKey=canary",
        "FINOPS_JOB_LEASE": "60",
        "FINOPS_GPU_HOUR_PRICE": "2.50",
        "FINOPS_NODE_HOUR_PRICE": "0.4",
        "FINOPS_RECONCILE_TOLERANCE": "1.5",
        "FINOPS_RECONCILE_FLOOR": "0.50",
        "FINOPS_FALLBACK_ROUTES": "email:ops@example.com pagerduty:",
        "FINOPS_PAGERDUTY_KEY": "ml=canary-of-ml search=canary-of-search",
        "FINOPS_PAGERDUTY_URL": "https://events.eu.pagerduty.com",
        "FINOPS_SMTP_URL": "smtp://bot:canary@mail.test:587",
        "FINOPS_MAIL_FROM": "finops@example.com",
        "FINOPS_WEBHOOKS": "tickets=https://tickets.test/hook?token=canary",
        "FINOPS_WEBHOOK_SECRET": "canary",
        "FINOPS_AUDIT_KEY": "new-canary-0123456789abcdef0123456789 old-canary-0123456789abcdef0123456789",
        "FINOPS_AUDIT_CHECKPOINTS": "kept",
        "FINOPS_AWS_ACTION_ROLE": "arn:aws:iam::123456789012:role/finops-acts",
        "FINOPS_KUBERNETES_CONTEXT": "training",
        "FINOPS_GATEWAY_KEY": "canary-of-the-gateway-0123456789abcdef",
    }
    assert {setting.name for setting in SETTINGS} == set(environ)
    settings = read(environ, CONFIG)
    assert settings.config == CONFIG
    assert settings.database_url == Secret("postgresql+psycopg://bot:canary@db/finops")
    assert (settings.ledger_url, settings.slack_api_url) == ("bigquery://my-project/costs", "http://127.0.0.1:8738/api/")
    assert (settings.http_address, str(settings.http_address)) == (Address("::", 80), "[::]:80")
    assert (settings.workers, settings.threads, settings.memory_limit, settings.log_level) == (4, 2, "1.5GiB", "DEBUG")
    assert (settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret) == (
        Secret(BOT),
        Secret(APP),
        Secret("canary"),
    )
    assert settings.doors == (("gateway", "0123456789abcdef"), ("ci", "fedcba9876543210"))
    assert (settings.spool, settings.slack_alerts_channel) == (Path("waiting"), "#alerts")
    assert (settings.anthropic_admin_key, settings.anthropic_base_url) == (Secret("sk-ant-admin-canary"), "http://127.0.0.1:8739/")
    assert (settings.openai_admin_key, settings.openai_base_url) == (Secret("sk-admin-canary"), "http://127.0.0.1:8740/v1/")
    assert (settings.prometheus_token, settings.job_lease) == (Secret("canary"), 60)
    assert (settings.reconcile_tolerance, settings.reconcile_floor) == (Decimal("1.5"), Decimal("0.50"))
    assert (settings.fallback_routes, settings.mail_from) == (("email:ops@example.com", "pagerduty:default"), "finops@example.com")
    assert (settings.pagerduty_key, settings.pagerduty_url) == (
        Secret("ml=canary-of-ml search=canary-of-search"),
        "https://events.eu.pagerduty.com/",
    )
    assert (settings.smtp_url, settings.webhooks) == (Secret(environ["FINOPS_SMTP_URL"]), Secret(environ["FINOPS_WEBHOOKS"]))
    assert {"canary-of-ml", "canary-of-search", environ["FINOPS_SMTP_URL"], "https://tickets.test/hook?token=canary", "canary"} <= {
        secret.reveal() for secret in settings.secrets()
    }
    assert (settings.audit_key, settings.audit_checkpoints) == (Secret(environ["FINOPS_AUDIT_KEY"]), Path("kept"))
    assert settings.gateway_key == Secret(environ["FINOPS_GATEWAY_KEY"]) in settings.secrets()
    assert (settings.aws_action_role, settings.kubernetes_context) == (environ["FINOPS_AWS_ACTION_ROLE"], "training")


@pytest.mark.parametrize("value", ["gateway", "gateway=short", "a=0123456789abcdef a=fedcba9876543210"])
def test_doors_need_names_and_long_tokens(value: str) -> None:
    with pytest.raises(ConfigError, match="FINOPS_API_TOKENS"):
        read({"FINOPS_API_TOKENS": value}, CONFIG)


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read({setting.name: " " for setting in SETTINGS}, CONFIG) == read({}, CONFIG)


def test_variables_of_other_programs_are_left_alone() -> None:
    assert read({"PATH": "x", "SLACK_WEBHOOK": "y", "finops_workers": "z"}, CONFIG) == read({}, CONFIG)


def test_every_problem_is_told_at_once() -> None:
    assert problems(FINOPS_WORKERS="abc", FINOPS_WORKER="3", FINOPS_ZZ="", SLACK_BOT_TOKEN=APP) == (
        "FINOPS_WORKER is not a setting; did you mean 'FINOPS_WORKERS'?",
        "FINOPS_ZZ is not a setting; remove it; docs/settings.md lists those there are",
        "FINOPS_WORKERS=abc is not a whole number; give one from 1 to 256",
        "SLACK_BOT_TOKEN holds an app-level token (xapp-); that one belongs in SLACK_APP_TOKEN, here goes the bot token (xoxb-)",
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FINOPS_RECONCILE_TOLERANCE", "100", "=100 is not a percentage below 100; give one such as 2 or 0.5"),
        ("FINOPS_RECONCILE_FLOOR", "-1", "=-1 is not an amount; give one such as 1 or 0.50, in the currency of the bill"),
        (
            "FINOPS_AUDIT_KEY",
            "canary 0123456789abcdef0123456789abcdef",
            " must hold a key of 32 characters or more, and older keys after it with spaces between",
        ),
        ("FINOPS_WORKERS", "0", "=0 is out of range; give a whole number from 1 to 256"),
        (
            "FINOPS_AWS_ACTION_ROLE",
            "finops-acts",
            "=finops-acts is not the ARN of a role; give one such as arn:aws:iam::123456789012:role/finops-acts",
        ),
        ("FINOPS_GATEWAY_KEY", "canary", " must be a key of 32 characters or more; make one with: openssl rand -hex 32"),
        ("FINOPS_KUBERNETES_CONTEXT", "a\nb", "=a�b is not the name of a context; `kubectl config get-contexts` lists them"),
        ("FINOPS_WORKERS", "-1", "=-1 is not a whole number; give one from 1 to 256"),
        ("FINOPS_WORKERS", "²", "=² is not a whole number; give one from 1 to 256"),
        ("FINOPS_LOG_LEVEL", "loud", "=loud is not a log level; give one of DEBUG, INFO, WARNING, ERROR"),
        ("FINOPS_MEMORY_LIMIT", "1", "=1 is not an amount of memory; give one such as 1GB or 512MiB"),
        ("FINOPS_MEMORY_LIMIT", "0GB", "=0GB is not an amount of memory; give one such as 1GB or 512MiB"),
        ("FINOPS_LEDGER_URL", "bigquery://p", "=bigquery://p is not a ledger; give a folder, or bigquery://project/dataset"),
        ("FINOPS_LEDGER_URL", "ftp://p/x", "=ftp://p/x is not a ledger; give a folder, or bigquery://project/dataset"),
        ("SLACK_API_URL", "slack.com", "=slack.com is not a web address; give one such as https://slack.com/api/"),
        ("SLACK_APP_TOKEN", BOT, " holds a bot token (xoxb-); that one belongs in SLACK_BOT_TOKEN, here goes the app-level token (xapp-)"),
        (
            "SLACK_BOT_TOKEN",
            "canary",
            " is not a bot token; it begins with xoxb- and is found under 'OAuth & Permissions' of the Slack app",
        ),
        ("SLACK_BOT_TOKEN", f"{BOT} x", " holds a space or a letter no token has; copy it once more, without quotes"),
        ("SLACK_SIGNING_SECRET", BOT, " holds a token; give the signing secret from 'Basic Information' of the Slack app"),
        (
            "FINOPS_DATABASE_URL",
            "postgres://bot:canary@db/finops",
            " is not the URL of a database; give sqlite:///path or postgresql+psycopg://user:password@host/name",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_variable(name: str, value: str, expected: str) -> None:
    assert problems(**{name: value}) == (name + expected,)
    assert "canary" not in problems(**{name: value})[0]


@pytest.mark.parametrize("value", ["8737", ":8737", "::1:8737", "[::1:8737", "host:", "host:65536", "host:٣", "http://host:80"])
def test_an_address_needs_host_and_port(value: str) -> None:
    assert problems(FINOPS_HTTP_ADDRESS=value) == (
        f"FINOPS_HTTP_ADDRESS={value} is not an address; give host:port such as 127.0.0.1:8737, or [::1]:8737",
    )


def test_a_secret_is_not_shown_by_anything_that_prints() -> None:
    settings = read({"SLACK_BOT_TOKEN": BOT, "FINOPS_DATABASE_URL": "postgresql://bot:canary@db/x"}, CONFIG)
    token = settings.slack_bot_token
    shown = [repr(settings), str(token), f"{token:>80}", f"{token!r}", "%s" % token, json.dumps({"token": token}, default=str)]  # noqa: UP031
    assert not [text for text in shown if "canary" in text]
    assert str(settings.database_url) == "postgresql://bot:•••@db/x"


def test_a_secret_cannot_be_written_away() -> None:
    with pytest.raises(TypeError, match="a secret is not written anywhere"):
        pickle.dumps(Secret("canary"))
    with pytest.raises(TypeError, match="a secret is not written anywhere"):
        copy.deepcopy(Secret("canary"))


def test_secrets_are_equal_by_what_they_hold() -> None:
    assert {Secret("a"), Secret("a"), Secret("b")} == {Secret("b"), Secret("a")}
    assert Secret("a") != "a"


def test_all_secrets_are_handed_to_the_redactor() -> None:
    environ = {
        "SLACK_BOT_TOKEN": BOT,
        "SLACK_APP_TOKEN": APP,
        "SLACK_SIGNING_SECRET": "signing",
        "FINOPS_DATABASE_URL": "postgresql://bot:p%40ss:word@db/x",
    }
    assert {secret.reveal() for secret in read(environ, CONFIG).secrets()} == {BOT, APP, "signing", "p@ss:word"}
    assert read({}, CONFIG).secrets() == ()


def test_the_folder_of_the_command_goes_before_the_variable() -> None:
    assert config_folder({"FINOPS_CONFIG": "a"}, Path("b")) == Path("b")
    assert config_folder({"FINOPS_CONFIG": "a"}, None) == Path("a")
    assert config_folder({}, None) == Path()


def test_the_table_in_the_docs_is_the_one_in_the_code() -> None:
    assert table() in (DOCS / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_table(setting: object) -> None:
    assert isinstance(setting, type(SETTINGS[0]))
    assert f"| `{setting.name}` |" in table()
    assert setting.about in table()
