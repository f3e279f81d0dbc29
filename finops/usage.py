"""A usage event: one LLM request as the gateway saw it, in the form that everything past the edge relies on."""

from typing import Final, Literal

Kind = Literal["text", "count", "moment", "flag", "texts"]

# Field → kind, in the order they are written. Moments are ISO 8601 in UTC with Z. Counts are whole and not negative.
EVENT_FIELDS: Final[dict[str, Kind]] = {
    "time": "moment",
    "request_id": "text",
    "provider": "text",  # as finops.providers spells it: Anthropic, OpenAI, AWS, Google Cloud, Microsoft, self-hosted …
    "model": "text",  # the model that answered
    "input_tokens": "count",  # all input tokens, cached ones included
    "cache_read_tokens": "count",
    "cache_write_5m_tokens": "count",
    "cache_write_1h_tokens": "count",
    "output_tokens": "count",
    "reasoning_tokens": "count",  # a part of output_tokens
    "team": "text",
    "project": "text",
    "env": "text",
    "feature": "text",
    "user": "text",
    "tenant": "text",
    "route": "text",
    "session": "text",
    "task": "text",
    "status": "text",
    "service_tier": "text",  # standard, batch, flex, priority
    "region": "text",
    "latency_ms": "count",
    "prompt_hash": "text",
    "prefix_hashes": "texts",
    "prefix_block_tokens": "count",
    "estimated": "flag",  # the tokens were guessed, not reported by the provider
    "requests": "count",  # how many the event sums up, where only sums are known; else 1
}

REQUIRED: Final = ("time", "request_id", "model")  # and one count of tokens
TOKEN_FIELDS: Final = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
)
