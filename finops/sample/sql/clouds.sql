-- Everyday AWS and Azure lines from the OptScale tenant (Apache-2.0): 35 of its 40 days, five whole weeks, repeated over
-- the calendar. Names, ids, tags and accounts are invented; amounts are the tenant's times a constant.

CREATE TABLE accounts AS
FROM (VALUES
    ('aws_cnr', 'AWS HQ', 'aws', 8.0, 'USD', '111111111111', 'example-core'),
    ('aws_cnr', 'AWS Marketing', 'aws', 8.0, 'USD', '222222222222', 'example-marketing'),
    ('azure_cnr', 'Dev environment', 'azure', 10.0, 'EUR', '00000000-0000-0000-0000-000000000001', 'example-dev'),
    ('azure_cnr', 'Azure QA', 'azure', 10.0, 'EUR', '00000000-0000-0000-0000-000000000002', 'example-qa')
) AS a(cloud, account, source, times, currency, id, name);

CREATE TABLE services AS
FROM (VALUES
    ('amazonec2', 'Amazon Elastic Compute Cloud', 'Compute'),
    ('amazons3', 'Amazon Simple Storage Service', 'Storage'),
    ('amazonvpc', 'Amazon Virtual Private Cloud', 'Networking'),
    ('awselb', 'Elastic Load Balancing', 'Networking'),
    ('amazoncloudwatch', 'Amazon CloudWatch', 'Management and Governance'),
    ('awscloudtrail', 'AWS CloudTrail', 'Management and Governance'),
    ('amazonquicksight', 'Amazon QuickSight', 'Analytics'),
    ('amazonkinesis', 'Amazon Kinesis', 'Analytics'),
    ('awskms', 'AWS Key Management Service', 'Security'),
    ('amazonredshift', 'Amazon Redshift', 'Databases'),
    ('microsoft.compute', 'Virtual Machines', 'Compute'),
    ('microsoft.network', 'Virtual Network', 'Networking'),
    ('microsoft.storage', 'Storage Accounts', 'Storage'),
    ('microsoft.containerregistry', 'Container Registry', 'Developer Tools')
) AS s(code, name, category);

-- Which team a kind of resource belongs to; '*' is shared among four teams by the resource's own digest.
CREATE TABLE kinds AS
FROM (VALUES
    ('Instance', 'i-', 'Virtual machine', '*'), ('Volume', 'vol-', 'Disk', '*'), ('Snapshot', 'snap-', 'Snapshot', '*'),
    ('images', 'img-', 'Image', '*'), ('Bucket', 'example-', 'Bucket', 'data'), ('StorageLens', 'lens-', 'Storage insight', 'data'),
    ('Business Analytics', 'qs-', 'Dashboard seats', 'data'), ('NAT Gateway', 'nat-', 'NAT gateway', 'platform'),
    ('Load Balancer', 'lb-', 'Load balancer', 'platform'), ('IP Address', 'eip-', 'IP address', 'platform'),
    ('Metric', 'metric-', 'Metrics', 'platform'), ('Kinesis Streams', 'stream-', 'Stream', 'search'),
    ('registries', 'acr-', 'Container registry', 'platform')
) AS k(type, prefix, name, team);

CREATE TABLE tenant_days AS
SELECT
    55 - e.days_ago AS day, a.source, a.id AS account_id, a.name AS account_name, a.currency,
    coalesce(k.prefix, 'res-') || invented_id(e.resource_id, 17) AS resource_id,
    coalesce(k.name, CASE WHEN e.resource_type LIKE '%PublicIPv4%' THEN 'IP address' ELSE 'Other' END) AS kind,
    coalesce(s.name, e.service) AS service, coalesce(s.category, 'Other') AS category,
    CASE a.source WHEN 'azure' THEN lower(replace(e.region, ' ', '')) ELSE e.region END AS region,
    CASE
        WHEN nibble(e.resource_id, 1) >= 11 THEN NULL
        WHEN a.name = 'example-marketing' THEN 'marketing'
        WHEN k.team = '*' THEN ['platform', 'search', 'support', 'data'][nibble(e.resource_id, 2) % 4 + 1]
        ELSE k.team
    END AS team,
    CASE WHEN nibble(e.resource_id, 3) < 10 THEN 'prod' WHEN nibble(e.resource_id, 3) < 13 THEN 'staging' ELSE 'dev' END AS env,
    round(e.cost * a.times, 6)::amount AS cost
FROM read_csv(getvariable('raw') || '/optscale/daily_expenses_days_60_to_21.csv.gz') AS e
JOIN accounts AS a USING (cloud, account)
LEFT JOIN services AS s ON s.code = lower(e.service)
LEFT JOIN kinds AS k ON k.type = e.resource_type
WHERE
    e.days_ago BETWEEN 21 AND 55
    -- Commitments come with their covered usage in gpus.sql.
    AND e.resource_type NOT IN ('Savings Plan', 'Reserved Instances');

-- One line per day and resource (the tenant has a few names twice); `day` 34, its newest, falls on the calendar's last day.
INSERT INTO bill BY NAME
SELECT
    t.source, c.day::TIMESTAMP AS ChargePeriodStart, (c.day + 1)::TIMESTAMP AS ChargePeriodEnd,
    CASE t.source WHEN 'aws' THEN '999999999999' ELSE 'example-enrolment' END AS BillingAccountId,
    'Example Ltd' AS BillingAccountName, t.currency AS BillingCurrency,
    'Usage' AS ChargeCategory, 'Usage-Based' AS ChargeFrequency, t.kind AS ChargeDescription,
    sum(t.cost)::amount AS BilledCost, sum(t.cost)::amount AS EffectiveCost, 'Standard' AS PricingCategory,
    CASE t.source WHEN 'aws' THEN 'AWS' ELSE 'Microsoft' END AS ProviderName, ProviderName AS PublisherName,
    ProviderName AS InvoiceIssuerName, t.service AS ServiceName, t.category AS ServiceCategory, t.region AS RegionId,
    t.resource_id AS ResourceId, t.kind AS ResourceType, t.account_id AS SubAccountId, t.account_name AS SubAccountName,
    -- A quarter of the resources carries no tag, some carry only `env`: owners must be found another way, or are missing.
    CASE
        WHEN t.team IS NOT NULL THEN json_object('team', t.team, 'env', t.env)::VARCHAR
        WHEN nibble(t.resource_id, 4) < 4 THEN json_object('env', t.env)::VARCHAR
    END AS Tags
FROM calendar AS c
JOIN tenant_days AS t ON t.day = (c.n + 7) % 35
GROUP BY ALL
HAVING sum(t.cost) > 0;

-- Promotional credit, every fourth Monday.
INSERT INTO bill BY NAME
SELECT
    'aws' AS source, day::TIMESTAMP AS ChargePeriodStart, (day + 1)::TIMESTAMP AS ChargePeriodEnd,
    '999999999999' AS BillingAccountId, 'Example Ltd' AS BillingAccountName, 'USD' AS BillingCurrency,
    'Credit' AS ChargeCategory, 'One-Time' AS ChargeFrequency, 'Promotional credit' AS ChargeDescription,
    -250::amount AS BilledCost, -250::amount AS EffectiveCost, -250::amount AS ContractedCost, -250::amount AS ListCost,
    'AWS' AS ProviderName, 'AWS' AS PublisherName, 'AWS' AS InvoiceIssuerName,
    'Amazon Elastic Compute Cloud' AS ServiceName, 'Compute' AS ServiceCategory,
    '111111111111' AS SubAccountId, 'example-core' AS SubAccountName
FROM calendar
WHERE n % 28 = 0;
