-- List prices per million tokens from genai-prices (MIT), as exact decimals: the price in force on the calendar's last day,
-- at the base of a tiered price.

CREATE TABLE listed AS
SELECT provider, model, any_value(name) AS name, max_by(price, since) AS price
FROM (
    SELECT
        p.id AS provider, m ->> 'id' AS model, m ->> 'name' AS name,
        coalesce(((dated -> 'constraint') ->> 'start_date')::DATE, DATE '1970-01-01') AS since,
        coalesce((dated -> 'prices'), dated) AS price
    FROM read_json(getvariable('raw') || '/llm-prices/genai_prices_data.json.gz', columns = {id: 'VARCHAR', models: 'JSON[]'}) AS p,
        unnest(p.models) AS models(m),
        unnest(CASE json_type(m -> 'prices') WHEN 'ARRAY' THEN (m -> 'prices')::JSON[] ELSE [m -> 'prices'] END) AS prices(dated)
    WHERE p.id IN ('anthropic', 'openai')
) AS dated_prices
WHERE since <= getvariable('first_day')::DATE + getvariable('days')
GROUP BY ALL;

CREATE TABLE token_prices AS
SELECT
    provider, model, name, k.type, k.meter,
    coalesce((price -> k.field) ->> 'base', price ->> k.field)::DECIMAL(12, 4) AS per_mtok
FROM listed
CROSS JOIN (VALUES
    ('input', 'Input tokens', 'input_mtok'), ('cache_read', 'Cache read tokens', 'cache_read_mtok'),
    ('cache_write_5m', 'Cache write tokens', 'cache_write_mtok'), ('output', 'Output tokens', 'output_mtok')
) AS k(type, meter, field)
WHERE (price -> k.field) IS NOT NULL;
