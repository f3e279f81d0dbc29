-- One bill moved by whole weeks, so that weekdays stay: what lies in [first, last], in billing months of its new dates.
-- `shipped` is the bill as it lies in the package. Variables: shift (days), first, last.

CREATE OR REPLACE TABLE moved AS
WITH shifted AS (
    SELECT * REPLACE (
        ChargePeriodStart + getvariable('shift') * INTERVAL 1 DAY AS ChargePeriodStart,
        ChargePeriodEnd + getvariable('shift') * INTERVAL 1 DAY AS ChargePeriodEnd
    )
    FROM shipped
)
SELECT * REPLACE (
    date_trunc('month', ChargePeriodStart)::TIMESTAMP AS BillingPeriodStart,
    date_trunc('month', ChargePeriodStart)::TIMESTAMP + INTERVAL 1 MONTH AS BillingPeriodEnd
)
FROM shifted
WHERE ChargePeriodStart::DATE BETWEEN getvariable('first') AND getvariable('last');

-- Monthly tax cannot be moved by weeks, so it is computed here, on one account: 8.1 % of what the month bills, on its first day.
INSERT INTO moved BY NAME
SELECT
    BillingPeriodStart, BillingPeriodEnd, greatest(BillingPeriodStart, getvariable('first')::TIMESTAMP) AS ChargePeriodStart,
    BillingPeriodEnd AS ChargePeriodEnd, 'Tax' AS ChargeCategory, 'Recurring' AS ChargeFrequency, 'VAT, 8.1 %' AS ChargeDescription,
    round(sum(BilledCost) * 0.081, 2) AS BilledCost, round(sum(EffectiveCost) * 0.081, 2) AS EffectiveCost,
    round(sum(BilledCost) * 0.081, 2) AS ContractedCost, round(sum(BilledCost) * 0.081, 2) AS ListCost,
    BillingAccountId, BillingAccountName, BillingCurrency, ProviderName, PublisherName, InvoiceIssuerName, SubAccountId, SubAccountName,
    'Tax' AS ServiceName, 'Other' AS ServiceCategory, 'invoice' AS x_CostSource
FROM moved
WHERE SubAccountName = 'example-marketing'
GROUP BY ALL;

-- A month that has ended is invoiced; the open one is not yet.
UPDATE moved SET InvoiceId = upper(ProviderName[:3]) || strftime(BillingPeriodStart, '-%Y-%m')
WHERE BillingPeriodEnd <= getvariable('last')::TIMESTAMP + INTERVAL 1 DAY;
