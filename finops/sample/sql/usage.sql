-- What a gateway saw of the days that end with yesterday. The last two are told by the hour, as a gateway would: what an action is expected
-- to save is worked out from the hours of the day before. Parts are differences of running sums, so that they add up to the day exactly.
WITH moved AS (
    SELECT * REPLACE (time + getvariable('shift') * INTERVAL 1 DAY AS time)
    FROM usage
    WHERE (time + getvariable('shift') * INTERVAL 1 DAY)::DATE BETWEEN getvariable('first') AND getvariable('last')
),
-- How many thousandths of a day's requests have come by the end of each hour: quiet nights, two peaks.
hours AS (
    SELECT
        [0, 18, 33, 47, 61, 77, 98, 127, 168, 221, 282, 345, 405, 459, 517, 579, 639, 695, 745, 789, 828, 864, 897, 950, 1000] AS seen,
        unnest(range(24)) AS hour
),
late AS (
    SELECT *, time::DATE >= getvariable('last') - 1 AND requests >= 500 AS by_hour
    FROM moved
),
told AS (
    SELECT * EXCLUDE (by_hour) FROM late WHERE NOT by_hour
    UNION ALL BY NAME
    SELECT
        late.* EXCLUDE (by_hour) REPLACE (
            time::DATE + to_hours(hour) + INTERVAL 30 MINUTE AS time,
            request_id || '-' || lpad(hour::VARCHAR, 2, '0') AS request_id,
            input_tokens * seen[hour + 2] // 1000 - input_tokens * seen[hour + 1] // 1000 AS input_tokens,
            cache_read_tokens * seen[hour + 2] // 1000 - cache_read_tokens * seen[hour + 1] // 1000 AS cache_read_tokens,
            cache_write_5m_tokens * seen[hour + 2] // 1000 - cache_write_5m_tokens * seen[hour + 1] // 1000 AS cache_write_5m_tokens,
            output_tokens * seen[hour + 2] // 1000 - output_tokens * seen[hour + 1] // 1000 AS output_tokens,
            requests * seen[hour + 2] // 1000 - requests * seen[hour + 1] // 1000 AS requests
        )
    FROM late CROSS JOIN hours
    WHERE by_hour
)
SELECT * REPLACE (strftime(time, '%Y-%m-%dT%H:%M:%SZ') AS time)
FROM told
ORDER BY time, request_id
