-- LLM usage and bills from ServeGen (Apache-2.0): 14 real days of request rates and token counts of a client, repeated over the calendar.
-- A client's rhythm and its ratio of input to output are ServeGen's; its size is ours (workloads.sql), and grows each day by 0.8 % of
-- the first day.

CREATE TABLE client_days AS
WITH clients AS (
    SELECT model AS pool, client, avg(mean_input_tokens) AS input, avg(mean_output_tokens) AS output
    FROM read_parquet(getvariable('raw') || '/servegen/client_tokens_by_window_small_large.parquet')
    GROUP BY ALL
    HAVING input > 0 AND output > 0
)
SELECT
    r.model AS pool, r.client, (r.t // 86400)::INTEGER AS day,
    sum(r.rate::DOUBLE * 600 * coalesce(t.mean_input_tokens, c.input) ORDER BY r.t) AS input,
    sum(r.rate::DOUBLE * 600 * coalesce(t.mean_output_tokens, c.output) ORDER BY r.t) AS output,
    sum(r.rate::DOUBLE * 600 ORDER BY r.t) AS requests
FROM read_parquet(getvariable('raw') || '/servegen/client_rate_10min_small_large.parquet') AS r
JOIN clients AS c ON c.pool = r.model AND c.client = r.client
LEFT JOIN read_parquet(getvariable('raw') || '/servegen/client_tokens_by_window_small_large.parquet') AS t
    ON t.model = r.model AND t.client = r.client AND t.window_start = r.t // 21600 * 21600
GROUP BY ALL;

-- The 24 steadiest of the clients that are active every day. They are dealt out to the workloads like cards, again and again,
-- every second round a week later. Seat 1 of a workload is twice the size of seat 2, three times that of seat 3, and so on.
CREATE TABLE steadiest AS
WITH steadiness AS (
    SELECT pool, client, stddev_pop(input ORDER BY day) / avg(input ORDER BY day) AS wobble
    FROM client_days
    GROUP BY ALL
    HAVING count(*) FILTER (WHERE input > 0) = 14
)
SELECT pool, client, row_number() OVER (ORDER BY wobble, pool, client) - 1 AS card FROM steadiness ORDER BY card LIMIT 24;

CREATE TABLE seats AS
WITH places AS (
    SELECT id AS workload, seat, row_number() OVER (ORDER BY seat, id) - 1 AS place
    FROM workloads, unnest(range(1, users + 1)) AS numbers(seat)
)
SELECT workload, seat, pool, client, 7 * (place // 24 % 2) AS later
FROM places
JOIN steadiest ON card = place % 24;

-- Tokens by type as ServeGen counts them; OpenAI bills no cache writes. Requests have its rhythm too, and sizes of our own: an agent
-- sends long conversations, a gateway retrieved passages, a batch single documents.
CREATE TABLE sizes AS
SELECT pool, client, sum(input ORDER BY day) / sum(requests ORDER BY day) AS input FROM client_days GROUP BY ALL;

CREATE TABLE raw_tokens AS
SELECT s.workload, s.seat, (d.day + s.later) % 14 AS day, k.type, k.tokens
FROM seats AS s
JOIN client_days AS d USING (pool, client)
JOIN sizes AS z USING (pool, client)
JOIN workloads AS w ON w.id = s.workload
CROSS JOIN LATERAL (VALUES
    ('input', d.input * (1 - w.cached - w.written)), ('cache_read', d.input * w.cached),
    ('cache_write_5m', d.input * w.written), ('output', d.output),
    ('requests', d.requests * z.input / CASE w.route WHEN 'agent' THEN 18000 WHEN 'gateway' THEN 2600 ELSE 1400 END)
) AS k(type, tokens)
WHERE k.tokens > 0;

-- What turns a client's tokens into its seat's share of the workload's dollars.
CREATE TABLE scales AS
WITH seat_dollars AS (
    SELECT r.workload, r.seat, w.usd, w.users, sum(r.tokens * p.per_mtok / 1e6 ORDER BY r.day, r.type) / 14 AS dollars
    FROM raw_tokens AS r
    JOIN workloads AS w ON w.id = r.workload
    JOIN token_prices AS p ON p.provider = w.provider AND p.model = w.model AND p.type = r.type
    GROUP BY ALL
)
SELECT workload, seat, usd / seat / list_sum([1 / n FOR n IN range(1, users + 1)]) / dollars AS scale
FROM seat_dollars;

CREATE TABLE llm_days AS
SELECT
    c.n, c.day, w.* EXCLUDE (model), coalesce(s.new_model, w.model) AS model, r.seat, r.type,
    CASE w.who WHEN 'user' THEN format('user-{:02}{:02}', w.id, r.seat) END AS user_id,
    CASE w.who WHEN 'tenant' THEN format('tenant-{:02}', r.seat) END AS tenant,
    round(r.tokens * x.scale * (1 + 0.008 * c.n) * coalesce(s.times, 1))::BIGINT AS tokens
FROM calendar AS c
JOIN raw_tokens AS r ON r.day = c.n % 14
JOIN workloads AS w ON w.id = r.workload
JOIN scales AS x ON x.workload = w.id AND x.seat = r.seat
LEFT JOIN stories AS s ON s.workload = w.id AND c.n BETWEEN s.from_n AND s.to_n;

-- What the gateway saw: a line for each day, workload and seat, which knows who asked, but no price.
CREATE TABLE usage AS
SELECT
    day::TIMESTAMP + INTERVAL 12 HOUR AS time, format('sample-{:02}-{:02}-{:03}', id, seat, n) AS request_id, provider, model,
    coalesce(sum(tokens) FILTER (type IN ('input', 'cache_read', 'cache_write_5m')), 0)::BIGINT AS input_tokens,
    coalesce(sum(tokens) FILTER (type = 'cache_read'), 0)::BIGINT AS cache_read_tokens,
    coalesce(sum(tokens) FILTER (type = 'cache_write_5m'), 0)::BIGINT AS cache_write_5m_tokens,
    coalesce(sum(tokens) FILTER (type = 'output'), 0)::BIGINT AS output_tokens,
    team, project, env, feature, user_id AS user, tenant, route,
    greatest(coalesce(sum(tokens) FILTER (type = 'requests'), 0), 1)::BIGINT AS requests
FROM (SELECT * REPLACE (CASE WHEN id = getvariable('past_gateway') THEN tokens * 19 // 20 ELSE tokens END AS tokens) FROM llm_days)
GROUP BY ALL
HAVING input_tokens + output_tokens > 0;

-- What providers bill: sums by day, model and kind of token, without a word about who asked.
CREATE TABLE llm_costs AS
SELECT
    l.day, l.provider, l.model, l.type, p.name, p.meter, p.per_mtok, sum(l.tokens)::DECIMAL(18, 0) AS tokens,
    (sum(l.tokens)::DECIMAL(18, 0) * any_value(p.per_mtok) * 0.000001)::amount AS cost
FROM llm_days AS l
JOIN token_prices AS p ON p.provider = l.provider AND p.model = l.model AND p.type = l.type
WHERE l.tokens > 0
GROUP BY ALL;

-- OpenAI is paid from prepaid credit: usage bills nothing, the purchases below do. Anthropic sends an invoice.
INSERT INTO bill BY NAME
SELECT
    provider AS source, day::TIMESTAMP AS ChargePeriodStart, (day + 1)::TIMESTAMP AS ChargePeriodEnd,
    'org-example-' || provider AS BillingAccountId, 'Example Ltd' AS BillingAccountName,
    'USD' AS BillingCurrency, 'USD' AS PricingCurrency,
    'Usage' AS ChargeCategory, 'Usage-Based' AS ChargeFrequency, coalesce(name, model) || ', ' || lower(meter) AS ChargeDescription,
    CASE provider WHEN 'openai' THEN 0 ELSE cost END AS BilledCost, cost AS EffectiveCost, cost AS ContractedCost, cost AS ListCost,
    per_mtok * 0.001 AS ListUnitPrice, per_mtok * 0.001 AS ContractedUnitPrice, 'Standard' AS PricingCategory,
    tokens * 0.001 AS PricingQuantity, '1000 Tokens' AS PricingUnit, tokens AS ConsumedQuantity, 'Tokens' AS ConsumedUnit,
    CASE provider WHEN 'openai' THEN 'OpenAI' ELSE 'Anthropic' END AS ProviderName,
    ProviderName AS PublisherName, ProviderName AS InvoiceIssuerName,
    CASE provider WHEN 'openai' THEN 'OpenAI API' ELSE 'Claude API' END AS ServiceName, 'AI and Machine Learning' AS ServiceCategory,
    model AS SkuId, meter AS SkuMeter, model || '/' || type AS SkuPriceId,
    'workspace-default' AS SubAccountId, 'default' AS SubAccountName, model AS x_Model, type AS x_TokenType
FROM llm_costs;

-- Credit is bought on the first day and topped up on every day on which consumption passes another 5,000 dollars.
INSERT INTO bill BY NAME
WITH consumed AS (
    SELECT ChargePeriodStart, sum(sum(ListCost)) OVER (ORDER BY ChargePeriodStart) AS total, sum(ListCost) AS today
    FROM bill WHERE source = 'openai' GROUP BY ChargePeriodStart
)
SELECT
    'openai' AS source, ChargePeriodStart, ChargePeriodStart + INTERVAL 1 DAY AS ChargePeriodEnd, 'org-example-openai' AS BillingAccountId,
    'Example Ltd' AS BillingAccountName, 'USD' AS BillingCurrency, 'Purchase' AS ChargeCategory, 'One-Time' AS ChargeFrequency,
    'Prepaid credit' AS ChargeDescription, 5000 AS BilledCost, 0 AS EffectiveCost, 5000 AS ContractedCost, 5000 AS ListCost,
    'OpenAI' AS ProviderName, 'OpenAI' AS PublisherName, 'OpenAI' AS InvoiceIssuerName, 'OpenAI API' AS ServiceName,
    'AI and Machine Learning' AS ServiceCategory, 'workspace-default' AS SubAccountId, 'default' AS SubAccountName
FROM consumed
WHERE floor(total / 5000) > floor((total - today) / 5000) OR total = today;
