"""Settings: environment variables in one table, read once and checked as a whole."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from finops.configuration.problems import shown
from finops.errors import ConfigError, close_to
from finops.routing import keys_value, mailbox_value, route_secrets, routes_value, smtp_value, webhooks_value
from finops.secret import MASK, Secret

PREFIX: Final = "FINOPS_"
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
MEMORY: Final = re.compile(r"[1-9][0-9]{0,6}(\.[0-9]{1,3})? ?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)")
ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
BIGQUERY: Final = re.compile(r"bigquery://[A-Za-z0-9][A-Za-z0-9.:_-]*/[A-Za-z_][A-Za-z0-9_]*")
WEB: Final = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
SLACK_API: Final = "https://slack.com/api/"
ANTHROPIC_API: Final = "https://api.anthropic.com/"
OPENAI_API: Final = "https://api.openai.com/v1/"
PAGERDUTY_API: Final = "https://events.pagerduty.com/"
SHORTEST_TOKEN: Final = 16
SHORTEST_KEY: Final = 32


@dataclass(frozen=True)
class Address:
    """Where a server listens; port 0 takes any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """What the environment decides. `database_url` may hold a password, so it is as secret as the tokens."""

    config: Path
    database_url: Secret
    ledger_url: str
    http_address: Address
    workers: int
    log_level: str
    memory_limit: str
    threads: int | None
    slack_bot_token: Secret | None
    slack_app_token: Secret | None
    slack_signing_secret: Secret | None
    slack_api_url: str
    slack_alerts_channel: str | None
    api_tokens: Secret | None
    spool: Path
    anthropic_admin_key: Secret | None
    anthropic_base_url: str
    openai_admin_key: Secret | None
    openai_base_url: str
    prometheus_token: Secret | None
    azure_storage_connection_string: Secret | None
    job_lease: int
    gpu_hour_price: Decimal | None = None
    node_hour_price: Decimal | None = None
    reconcile_tolerance: Decimal = Decimal(2)
    reconcile_floor: Decimal = Decimal(1)
    fallback_routes: tuple[str, ...] | None = None
    pagerduty_key: Secret | None = None
    pagerduty_url: str = PAGERDUTY_API
    smtp_url: Secret | None = None
    mail_from: str | None = None
    webhooks: Secret | None = None
    webhook_secret: Secret | None = None
    audit_key: Secret | None = None
    audit_checkpoints: Path = Path(".finops/audit")
    aws_action_role: str | None = None
    kubernetes_context: str | None = None
    gateway_key: Secret | None = None

    def secrets(self) -> tuple[Secret, ...]:
        """Return all that must never be logged, for a Redactor."""
        tokens = (self.slack_bot_token, self.slack_app_token, self.slack_signing_secret, _password(self.database_url))
        keys = (self.anthropic_admin_key, self.openai_admin_key, self.prometheus_token, self.azure_storage_connection_string)
        doors = tuple(Secret(token) for _, token in self.doors)
        routes = (self.webhook_secret, *route_secrets(self.pagerduty_key, self.smtp_url, self.webhooks))
        audit = tuple(Secret(word) for word in (self.audit_key.reveal() if self.audit_key else "").split())
        return tuple(secret for secret in (*tokens, *keys, *doors, *routes, *audit, self.gateway_key) if secret)

    @property
    def doors(self) -> tuple[tuple[str, str], ...]:
        """Return who may use the HTTP door: (name, bearer token) of each."""
        pairs = (self.api_tokens.reveal() if self.api_tokens else "").split()
        return tuple((name, token) for name, _, token in (pair.partition("=") for pair in pairs))


@dataclass(frozen=True)
class Setting:
    """One environment variable. `parse` raises ValueError with what the value must be; `{config}` in `default` is the folder."""

    name: str
    default: str | None
    about: str
    parse: Callable[[str], object]
    secret: bool = False

    @property
    def field(self) -> str:
        return self.name.lower().removeprefix(PREFIX.lower())


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", value):
            raise ValueError(f"is not a whole number; give one from {least} to {most}")
        if not least <= int(value) <= most:
            raise ValueError(f"is out of range; give a whole number from {least} to {most}")
        return int(value)

    return parse


def _price(value: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,9}([.][0-9]{1,9})?", value):
        raise ValueError("is not a price of an hour; give one such as 2.50, in the currency of budgets.yaml")
    return Decimal(value)


def _percent(value: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,2}([.][0-9]{1,4})?", value):
        raise ValueError("is not a percentage below 100; give one such as 2 or 0.5")
    return Decimal(value)


def _amount(value: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,9}([.][0-9]{1,9})?", value):
        raise ValueError("is not an amount; give one such as 1 or 0.50, in the currency of the bill")
    return Decimal(value)


def _address(value: str) -> Address:
    found = ADDRESS.fullmatch(value)
    if not found or int(found[2]) > 65535:
        raise ValueError("is not an address; give host:port such as 127.0.0.1:8737, or [::1]:8737")
    return Address(found[1].strip("[]"), int(found[2]))


def _level(value: str) -> str:
    if value.upper() not in LEVELS:
        raise ValueError(f"is not a log level; give one of {', '.join(LEVELS)}")
    return value.upper()


def _memory(value: str) -> str:
    if not MEMORY.fullmatch(value):
        raise ValueError("is not an amount of memory; give one such as 1GB or 512MiB")
    return value


def _ledger(value: str) -> str:
    if "://" in value and not BIGQUERY.fullmatch(value):
        raise ValueError("is not a ledger; give a folder, or bigquery://project/dataset")
    return value


def _database(value: str) -> Secret:
    scheme, found, _ = value.partition("://")
    if not found or scheme.partition("+")[0] not in ("sqlite", "postgresql"):
        raise ValueError("is not the URL of a database; give sqlite:///path or postgresql+psycopg://user:password@host/name")
    return Secret(value, re.sub(r"(://[^:/@]*:).*@", rf"\1{MASK}@", value))


def _web(value: str) -> str:
    if not WEB.fullmatch(value):
        raise ValueError(f"is not a web address; give one such as {SLACK_API}")
    return value.rstrip("/") + "/"


def _bot_token(value: str) -> Secret:
    if value.startswith("xapp-"):
        raise ValueError("holds an app-level token (xapp-); that one belongs in SLACK_APP_TOKEN, here goes the bot token (xoxb-)")
    if value.startswith("xoxp-"):
        raise ValueError("holds a user token (xoxp-); give the bot token (xoxb-) from 'OAuth & Permissions' of the Slack app")
    if not value.startswith(("xoxb-", "xoxe.xoxb-")):
        raise ValueError("is not a bot token; it begins with xoxb- and is found under 'OAuth & Permissions' of the Slack app")
    return _one_word(value)


def _app_token(value: str) -> Secret:
    if value.startswith("xoxb-"):
        raise ValueError("holds a bot token (xoxb-); that one belongs in SLACK_BOT_TOKEN, here goes the app-level token (xapp-)")
    if not value.startswith("xapp-"):
        raise ValueError("is not an app-level token; it begins with xapp- and is found under 'Basic Information' of the Slack app")
    return _one_word(value)


def _signing_secret(value: str) -> Secret:
    if value.startswith(("xox", "xapp-")):
        raise ValueError("holds a token; give the signing secret from 'Basic Information' of the Slack app")
    return _one_word(value)


def _channel(value: str) -> str:
    if not re.fullmatch(r"#?[^\s#@,:;!?\"'<>&()]{1,80}", value):
        raise ValueError("is not a channel; give its name such as #finops-alerts, or its id")
    return value


def _doors(value: str) -> Secret:
    names = [name for name, _, token in (pair.partition("=") for pair in value.split()) if name and len(token) >= SHORTEST_TOKEN]
    if len(names) != len(value.split()):
        raise ValueError(f"must hold name=token pairs with spaces between, each token of {SHORTEST_TOKEN} characters or more")
    if len(set(names)) != len(names):
        raise ValueError("names somebody twice; give each caller a name of its own")
    return Secret(value)


def _gateway_key(value: str) -> Secret:
    if len(value) < SHORTEST_KEY:
        raise ValueError(f"must be a key of {SHORTEST_KEY} characters or more; make one with: openssl rand -hex 32")
    return _one_word(value)


def _one_word(value: str) -> Secret:
    if not value.isascii() or any(letter.isspace() for letter in value):
        raise ValueError("holds a space or a letter no token has; copy it once more, without quotes")
    return Secret(value)


def _role(value: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}", value):
        raise ValueError("is not the ARN of a role; give one such as arn:aws:iam::123456789012:role/finops-acts")
    return value


def _context(value: str) -> str:
    if not value.isprintable() or len(value) > 253:
        raise ValueError("is not the name of a context; `kubectl config get-contexts` lists them")
    return value


def _audit_keys(value: str) -> Secret:
    if not value.isascii() or min(map(len, value.split())) < SHORTEST_KEY:
        raise ValueError(f"must hold a key of {SHORTEST_KEY} characters or more, and older keys after it with spaces between")
    return Secret(value)


SETTINGS: Final = (
    Setting("FINOPS_CONFIG", ".", "folder with budgets.yaml and rules.yaml; `--config` goes before it", Path),
    Setting(
        "FINOPS_DATABASE_URL",
        "sqlite:///{config}/.finops/state.sqlite",
        "where state is kept: SQLite for one process, PostgreSQL for several",
        _database,
        secret=True,
    ),
    Setting(
        "FINOPS_LEDGER_URL",
        "{config}/.finops/ledger",
        "where charges are kept: a folder of Parquet files, or `bigquery://project/dataset`",
        _ledger,
    ),
    Setting("FINOPS_HTTP_ADDRESS", "127.0.0.1:8737", "where HTTP listens; port 0 takes any that is free", _address),
    Setting("FINOPS_WORKERS", "8", "questions answered at the same time, 1 to 256", _whole(1, 256)),
    Setting("FINOPS_LOG_LEVEL", "INFO", f"one of {', '.join(LEVELS)}", _level),
    Setting("FINOPS_MEMORY_LIMIT", "1GB", "memory the query engine may use before it spills to disk", _memory),
    Setting("FINOPS_THREADS", None, "threads of the query engine; without it, one for each core", _whole(1, 1024)),
    Setting("SLACK_BOT_TOKEN", None, "bot token, begins with xoxb-", _bot_token, secret=True),
    Setting("SLACK_APP_TOKEN", None, "app-level token for Socket Mode, begins with xapp-", _app_token, secret=True),
    Setting("SLACK_SIGNING_SECRET", None, "signing secret, for events over HTTP", _signing_secret, secret=True),
    Setting("SLACK_API_URL", SLACK_API, "base address of Slack's Web API", _web),
    Setting("FINOPS_SLACK_ALERTS_CHANNEL", None, "channel that hears of failing and recovered jobs, such as `#finops-alerts`", _channel),
    Setting(
        "FINOPS_API_TOKENS",
        None,
        "who may send usage and ask over HTTP: `name=token` pairs with spaces between; without it `/v1` refuses everybody",
        _doors,
        secret=True,
    ),
    Setting("FINOPS_SPOOL", "{config}/.finops/spool", "where usage events wait until the ledger has them; on a disk that lasts", Path),
    Setting("ANTHROPIC_ADMIN_KEY", None, "Admin API key of the Anthropic organization, begins with sk-ant-admin", _one_word, secret=True),
    Setting("ANTHROPIC_BASE_URL", ANTHROPIC_API, "base address of Anthropic's API", _web),
    Setting("OPENAI_ADMIN_KEY", None, "admin key of the OpenAI organization, begins with sk-admin", _one_word, secret=True),
    Setting("OPENAI_BASE_URL", OPENAI_API, "base address of OpenAI's API", _web),
    Setting("FINOPS_PROMETHEUS_TOKEN", None, "bearer token for Prometheus, where it wants one", _one_word, secret=True),
    Setting(
        "AZURE_STORAGE_CONNECTION_STRING",
        None,
        "connection string of the storage account with Azure's exports; without it azure-identity looks for credentials",
        _one_word,
        secret=True,
    ),
    Setting("FINOPS_JOB_LEASE", "120", "seconds after which the run of a process that died is taken over, 5 to 3600", _whole(5, 3600)),
    Setting("FINOPS_GPU_HOUR_PRICE", None, "what an hour of a GPU costs where no bill names its node, in our currency", _price),
    Setting("FINOPS_NODE_HOUR_PRICE", None, "what an hour of a Kubernetes node without GPUs costs where no bill names it", _price),
    Setting("FINOPS_RECONCILE_TOLERANCE", "2", "percent by which a day's bill may differ from the estimate before it is told", _percent),
    Setting("FINOPS_RECONCILE_FLOOR", "1", "amount, in the bill's currency, by which it may differ in any case", _amount),
    Setting(
        "FINOPS_FALLBACK_ROUTES",
        None,
        "where a message goes that its own route does not take, tried in turn: `email:ops@example.com pagerduty:default`",
        routes_value,
    ),
    Setting("FINOPS_PAGERDUTY_KEY", None, "integration key of a PagerDuty service, or `name=key` pairs with spaces", keys_value, True),
    Setting("FINOPS_PAGERDUTY_URL", PAGERDUTY_API, "PagerDuty's Events API; in the EU `https://events.eu.pagerduty.com/`", _web),
    Setting("FINOPS_SMTP_URL", None, "mail server: `smtp://user:password@host:587` with STARTTLS, or `smtps://`", smtp_value, True),
    Setting("FINOPS_MAIL_FROM", None, "sender of mail, such as `finops@example.com`", mailbox_value),
    Setting("FINOPS_WEBHOOKS", None, "machines that are told: `name=url` pairs with spaces between", webhooks_value, True),
    Setting("FINOPS_WEBHOOK_SECRET", None, "what webhooks are signed with; without it none is sent", _one_word, True),
    Setting(
        "FINOPS_AUDIT_KEY",
        None,
        "key that seals the audit, the same in every process, older keys after it; without it, one is made in `.finops/audit.key`",
        _audit_keys,
        secret=True,
    ),
    Setting("FINOPS_AUDIT_CHECKPOINTS", "{config}/.finops/audit", "folder of the audit's signed checkpoints, best on another disk", Path),
    Setting(
        "FINOPS_AWS_ACTION_ROLE",
        None,
        "role that is assumed to act in AWS, and for nothing else; without it nothing is changed there",
        _role,
    ),
    Setting(
        "FINOPS_KUBERNETES_CONTEXT",
        None,
        "context of the kubeconfig whose cluster is acted in; without it, the current one or the pod's own",
        _context,
    ),
    Setting(
        "FINOPS_GATEWAY_KEY",
        None,
        "key that snapshots for LLM gateways are signed with, the same at each gateway; without it none is served",
        _gateway_key,
        secret=True,
    ),
)


def config_folder(environ: Mapping[str, str], option: Path | None) -> Path:
    """Return the configuration folder: the command's option, else FINOPS_CONFIG, else the current one."""
    return option or Path(environ.get("FINOPS_CONFIG", "").strip() or ".")


def read(environ: Mapping[str, str], config: Path) -> Settings:
    """Read every setting for the configuration folder `config`; raises ConfigError with every variable that is wrong."""
    problems = _unknown(environ)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        given = environ.get(setting.name, "").strip()
        text = given or (setting.default or "").replace("{config}", str(config))
        try:
            values[setting.field] = setting.parse(text) if text else None
        except ValueError as error:
            problems.append(f"{setting.name}{'' if setting.secret else f'={_cut(text)}'} {error}")
    if problems:
        raise ConfigError(problems)
    return Settings(**values | {"config": config})


def table() -> str:
    """Return all settings as a Markdown table, for the documentation."""
    rows = [f"| `{each.name}` | {_default(each)} | {each.about} |" for each in SETTINGS]
    return "\n".join(["| variable | default | what it decides |", "|---|---|---|", *rows])


def _default(setting: Setting) -> str:
    return "" if setting.default is None else f"`{setting.default.replace('{config}', '<config>')}`"


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {setting.name for setting in SETTINGS}
    mistaken = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [f"{name} is not a setting; {_meant(name, known)}" for name in mistaken]


def _meant(name: str, known: set[str]) -> str:
    """Compare without the prefix, which makes all names alike."""
    hits = close_to(name.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known if each.startswith(PREFIX)], most=1)
    return f"did you mean '{PREFIX}{hits[0]}'?" if hits else "remove it; docs/settings.md lists those there are"


def _cut(value: str) -> str:
    return shown(value)[1:-1]


def _password(url: Secret) -> Secret | None:
    """Return a database URL's password as the server takes it, so that it is found wherever it is quoted."""
    found = re.search(r"://[^:/@]*:(.*)@", url.reveal())
    return Secret(unquote(found[1])) if found and found[1] else None
