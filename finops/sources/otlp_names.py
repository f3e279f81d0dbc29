"""What telemetry calls the things we count: attribute names, the preferred one first, as a table to be read aloud."""

from collections.abc import Mapping
from typing import Any, Final

Value = str | int | float | bool
Attributes = Mapping[str, Value]

# Token counts: the GenAI conventions of today, their earlier spellings, OpenInference (llm.token_count.…), OpenLLMetry (llm.usage.…).
TOKENS: Final[dict[str, tuple[str, ...]]] = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion", "llm.usage.completion_tokens"),
    "cache_read": (
        *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.input_tokens.cached"),
        *("gen_ai.usage.cached_input_tokens", "llm.token_count.prompt_details.cache_read", "llm.usage.cache_read_input_tokens"),
    ),
    "cache_write": (
        *("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
        *("gen_ai.usage.input_tokens.cache_write", "gen_ai.usage.cache_write_input_tokens"),
        *("llm.token_count.prompt_details.cache_write", "llm.usage.cache_creation_input_tokens"),
    ),
    "reasoning": (
        *("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.output_tokens.reasoning", "gen_ai.usage.reasoning_tokens"),
        *("llm.token_count.completion_details.reasoning", "llm.usage.reasoning_tokens"),
    ),
    "total": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"),
}

MODEL: Final = ("gen_ai.response.model", "llm.response.model_name", "gen_ai.request.model", "llm.model_name", "llm.request.model_name")
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor")
RESPONSE: Final = ("gen_ai.response.id",)
TIER: Final = ("openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.openai.request.service_tier", "finops.tier")
OPERATION: Final = ("gen_ai.operation.name", "llm.request.type")
ERROR: Final = ("error.type",)
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - an attribute
SPAN_KINDS: Final = ("openinference.span.kind", "traceloop.span.kind")
SAYING: Final = (*OPERATION, *SPAN_KINDS)  # what a span is

# Our fields: looked for on the span, then on the resource. Each is also taken from finops.NAME, which goes before the others.
DIMENSIONS: Final[dict[str, tuple[str, ...]]] = {
    "team": ("finops.team", "team", "team.name", "team.id"),
    "project": ("finops.project", "project", "project.name", "openinference.project.name", "service.namespace", "service.name"),
    "env": ("finops.env", "deployment.environment.name", "deployment.environment", "env"),
    "feature": ("finops.feature", "feature", "feature.name", "gen_ai.workflow.name", "traceloop.workflow.name", "gen_ai.agent.name"),
    "user": ("finops.user", "user.id", "enduser.id", "traceloop.association.properties.user_id"),
    "tenant": ("finops.tenant", "tenant.id", "tenant", "customer.id", "traceloop.association.properties.tenant_id"),
    "route": ("finops.route", "route"),
    "session": ("finops.session", "gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id"),
    "task": ("finops.task", "task"),
    "region": ("finops.region",),  # where the model runs; cloud.region says where the caller does
    "prompt_hash": ("finops.prompt_hash",),
}

# Spans around calls, which repeat what the calls below them used.
AROUND: Final = frozenset(
    {
        "invoke_agent",
        "create_agent",
        "execute_tool",
        "invoke_workflow",
        "agent",
        "chain",
        "tool",
        "task",
        "workflow",
        "retriever",
        "retrieval",
    }
    | {"reranker", "rerank", "guardrail", "evaluator", "prompt", "plan", "decision", "session"}
)

SERVICE: Final = ("service.namespace", "service.name")
ALL: Final = frozenset(
    name
    for names in (
        *TOKENS.values(),
        *DIMENSIONS.values(),
        MODEL,
        PROVIDER,
        RESPONSE,
        TIER,
        OPERATION,
        ERROR,
        SPAN_KINDS,
        SERVICE,
        (TOKEN_TYPE,),
    )
    for name in names
)


def _places() -> dict[str, tuple[str, int]]:
    """Return for each name which of our fields it tells, and its rank among the names that tell it."""
    tables: dict[str, tuple[str, ...]] = {
        **TOKENS,
        **DIMENSIONS,
        "model": MODEL,
        "provider": PROVIDER,
        "response": RESPONSE,
        "tier": TIER,
        "error": ERROR,
    }
    return {name: (field, rank) for field, names in tables.items() for rank, name in enumerate(names)}


PLACES: Final = _places()


def arranged(attributes: Attributes) -> dict[str, Value]:
    """Return values by our field; of several names for one the preferred that says something."""
    found: dict[str, Value] = {}
    ranks: dict[str, int] = {}
    for name, value in attributes.items():
        if name in PLACES and value != "":
            field, rank = PLACES[name]
            if field not in found or rank < ranks[field]:
                found[field], ranks[field] = value, rank
    return found


def dimensions(fields: Mapping[str, Value]) -> dict[str, Any]:
    """Return those of our dimensions that arranged attributes tell."""
    return {field: str(fields[field]) for field in DIMENSIONS if field in fields}


def is_call(attributes: Attributes) -> bool:
    """Tell a request to a model from the agents, chains and tools around it; what does not say is taken for a request."""
    for name in SAYING:
        word = attributes.get(name)
        if isinstance(word, str) and word.casefold() in AROUND:
            return False
    return True


def service(resource: Attributes) -> str:
    """Return what a resource calls its service, or nothing."""
    return "/".join(str(resource[name]) for name in SERVICE if name in resource)
