# May this tenant spend more today? Every reason in `deny` is a refusal; nothing here can overrule one.
#
# Copy this file to policies/quota.rego beside rules.yaml to change it, or put another file with the same package
# there to add refusals. What `input` holds is in docs/policies.md; it was checked before it came here.
package finops.quota

import rego.v1

deny contains reason if {
	input.blocked
	reason := {
		"rule": "blocked",
		"message": sprintf("tenant '%v' is blocked", [input.tenant]),
		"values": {"blocked": true},
	}
}

deny contains reason if {
	limit := input.quota.tokens_per_day
	expected := (input.used.tokens + input.held.tokens) + input.asked.tokens
	expected > limit
	reason := {
		"rule": "tokens_per_day",
		"message": sprintf("tenant '%v' would be at %v of %v tokens on %v", [input.tenant, expected, limit, input.day]),
		"values": {"used": input.used.tokens, "held": input.held.tokens, "asked": input.asked.tokens, "limit": limit},
	}
}

deny contains reason if {
	limit := input.quota.cost_micros_per_day
	expected := (input.used.cost_micros + input.held.cost_micros) + input.asked.cost_micros
	expected > limit
	reason := {
		"rule": "cost_per_day",
		"message": sprintf("tenant '%v' would be at %v of %v millionths of the currency on %v", [input.tenant, expected, limit, input.day]),
		"values": {
			"used": input.used.cost_micros,
			"held": input.held.cost_micros,
			"asked": input.asked.cost_micros,
			"limit": limit,
		},
	}
}

deny contains reason if {
	limit := input.quota.max_context
	input.asked.context > limit
	reason := {
		"rule": "max_context",
		"message": sprintf("the request holds %v tokens, %v are allowed", [input.asked.context, limit]),
		"values": {"context": input.asked.context, "limit": limit},
	}
}

# Counts that nobody refreshed may hide a day's worth of requests.
deny contains reason if {
	input.data_age_seconds > input.quota.max_data_age_seconds
	reason := {
		"rule": "stale",
		"message": sprintf("the counts are %v seconds old, %v are allowed", [input.data_age_seconds, input.quota.max_data_age_seconds]),
		"values": {"age": input.data_age_seconds, "limit": input.quota.max_data_age_seconds},
	}
}

# How many more tokens a worker may be lent; nothing where a tenant has no quota of tokens.
remaining_tokens := left if {
	left := input.quota.tokens_per_day - (input.used.tokens + input.held.tokens)
	left > 0
}

remaining_tokens := 0 if {
	input.quota.tokens_per_day - (input.used.tokens + input.held.tokens) <= 0
}
