-- Who uses which model for what: ours, invented. `usd` is the list cost of an average day at the start of the calendar, `users` how many
-- ServeGen clients stand behind it, `cached` and `written` the shares of the input read from and written to the prompt cache.

CREATE TABLE workloads AS
FROM (VALUES
    (1, 'ml', 'eval-harness', 'nightly-evals', 'prod', 'batch', 'anthropic', 'claude-sonnet-4-6', 110, 4, 0.30, 0.04, 'user'),
    (2, 'ml', 'eval-harness', 'nightly-evals', 'staging', 'batch', 'anthropic', 'claude-sonnet-4-6', 34, 2, 0.20, 0.04, 'user'),
    (3, 'ml', 'eval-harness', 'judge', 'prod', 'batch', 'openai', 'gpt-5.4', 58, 3, 0.35, 0.00, 'user'),
    (4, 'ml', 'rag-lab', 'synthetic-data', 'dev', 'batch', 'openai', 'gpt-5.4-mini', 66, 3, 0.10, 0.00, 'user'),
    (5, 'ml', 'rag-lab', 'reranking', 'dev', 'gateway', 'anthropic', 'claude-haiku-4-5', 38, 3, 0.25, 0.03, 'user'),
    (6, 'ml', 'labeling', 'auto-label', 'prod', 'batch', 'openai', 'gpt-5.4-nano', 12, 2, 0.10, 0.00, 'user'),
    (7, 'search', 'semantic-search', 'answers', 'prod', 'gateway', 'anthropic', 'claude-sonnet-4-6', 165, 6, 0.55, 0.05, 'tenant'),
    (8, 'search', 'semantic-search', 'answers', 'staging', 'gateway', 'anthropic', 'claude-sonnet-4-6', 18, 2, 0.30, 0.05, 'user'),
    (9, 'search', 'semantic-search', 'query-rewrite', 'prod', 'gateway', 'anthropic', 'claude-haiku-4-5', 96, 5, 0.45, 0.03, 'tenant'),
    (10, 'search', 'ranking', 'relevance-labels', 'prod', 'batch', 'openai', 'gpt-5.4-mini', 36, 2, 0.15, 0.00, 'user'),
    (11, 'support', 'helpdesk', 'reply-drafts', 'prod', 'gateway', 'anthropic', 'claude-sonnet-4-5', 185, 6, 0.50, 0.05, 'tenant'),
    (12, 'support', 'helpdesk', 'triage', 'prod', 'gateway', 'anthropic', 'claude-haiku-4-5', 44, 4, 0.40, 0.03, 'tenant'),
    (13, 'support', 'helpdesk', 'ticket-summaries', 'prod', 'batch', 'openai', 'gpt-5.4-mini', 46, 4, 0.20, 0.00, 'tenant'),
    (14, 'platform', 'coding-agents', 'code-review', 'prod', 'agent', 'anthropic', 'claude-opus-4-8', 160, 6, 0.70, 0.08, 'user'),
    (15, 'platform', 'coding-agents', 'dev-assistant', 'dev', 'agent', 'anthropic', 'claude-sonnet-4-6', 88, 6, 0.65, 0.08, 'user'),
    (16, 'platform', 'incident-bot', 'postmortems', 'prod', 'gateway', 'openai', 'gpt-5.4', 16, 2, 0.20, 0.00, 'user'),
    (17, 'data', 'lakehouse', 'text-to-sql', 'prod', 'gateway', 'openai', 'gpt-5.4', 74, 4, 0.50, 0.00, 'user'),
    (18, 'data', 'lakehouse', 'doc-extraction', 'prod', 'batch', 'anthropic', 'claude-sonnet-4-5', 60, 3, 0.15, 0.03, 'tenant'),
    (19, 'data', 'lakehouse', 'doc-extraction', 'dev', 'batch', 'anthropic', 'claude-haiku-4-5', 9, 2, 0.10, 0.03, 'user'),
    (20, 'marketing', 'campaigns', 'copy', 'prod', 'gateway', 'openai', 'gpt-5.4', 14, 2, 0.15, 0.00, 'user'),
    (21, 'marketing', 'campaigns', 'translation', 'prod', 'batch', 'openai', 'gpt-5.4-mini', 6, 3, 0.10, 0.00, 'user'),
    -- A key that nobody registered: spend without an owner.
    (22, NULL, NULL, NULL, NULL, NULL, 'anthropic', 'claude-sonnet-4-6', 42, 2, 0.10, 0.02, NULL)
) AS w(id, team, project, feature, env, route, provider, model, usd, users, cached, written, who);

-- A workload of which a twentieth goes past the gateway: billed, and not measured.
SET VARIABLE past_gateway = 14;

-- Two stories in the tokens, days counted from 0; the third, an idle GPU node, is in gpus.sql.
CREATE TABLE stories AS
FROM (VALUES
    -- Model switch: on the last Friday but one the production nightly evaluations move to a model of five thirds the price.
    (1, 88, 97, 'claude-opus-4-8', 1.0),
    -- Runaway feature: for one weekend three weeks before the end, ticket summaries retry in a loop.
    (13, 75, 76, NULL, 9.0)
) AS s(workload, from_n, to_n, new_model, times);
