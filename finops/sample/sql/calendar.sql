-- The fixed calendar of the sample, the shape of a bill, and the macros every source shares.
-- Variables: raw (folder of the public files), first_day (a Monday), days (whole weeks).

CREATE TYPE amount AS DECIMAL(38, 10);

CREATE TABLE calendar AS
SELECT n::INTEGER AS n, (getvariable('first_day')::DATE + n::INTEGER)::DATE AS day
FROM range(getvariable('days')) AS numbers(n);

-- A letter of a digest, as 0-15: spreads tags over resources evenly and the same way on every run.
CREATE MACRO nibble(name, place) AS instr('0123456789abcdef', md5('sample:' || name)[place]) - 1;
CREATE MACRO invented_id(name, length) AS left(md5('sample:' || name), length);

-- FOCUS 1.2 names; x_ columns are the dimensions FOCUS does not have.
CREATE TABLE bill (
    source VARCHAR,
    BillingAccountId VARCHAR, BillingAccountName VARCHAR, BillingCurrency VARCHAR,
    BillingPeriodStart TIMESTAMP, BillingPeriodEnd TIMESTAMP,
    ChargePeriodStart TIMESTAMP, ChargePeriodEnd TIMESTAMP,
    ChargeCategory VARCHAR, ChargeClass VARCHAR, ChargeDescription VARCHAR, ChargeFrequency VARCHAR,
    BilledCost amount, EffectiveCost amount, ContractedCost amount, ListCost amount,
    ContractedUnitPrice amount, ListUnitPrice amount,
    PricingCategory VARCHAR, PricingCurrency VARCHAR, PricingQuantity amount, PricingUnit VARCHAR,
    ConsumedQuantity amount, ConsumedUnit VARCHAR,
    CommitmentDiscountId VARCHAR, CommitmentDiscountName VARCHAR, CommitmentDiscountCategory VARCHAR,
    CommitmentDiscountType VARCHAR, CommitmentDiscountStatus VARCHAR,
    InvoiceId VARCHAR, InvoiceIssuerName VARCHAR, ProviderName VARCHAR, PublisherName VARCHAR,
    ServiceCategory VARCHAR, ServiceName VARCHAR,
    SkuId VARCHAR, SkuMeter VARCHAR, SkuPriceId VARCHAR, SkuPriceDetails VARCHAR,
    RegionId VARCHAR, RegionName VARCHAR, AvailabilityZone VARCHAR,
    ResourceId VARCHAR, ResourceName VARCHAR, ResourceType VARCHAR,
    SubAccountId VARCHAR, SubAccountName VARCHAR, Tags VARCHAR,
    x_Model VARCHAR, x_TokenType VARCHAR, x_Team VARCHAR, x_Project VARCHAR, x_Env VARCHAR,
    x_Feature VARCHAR, x_User VARCHAR, x_Tenant VARCHAR, x_Route VARCHAR, x_CostSource VARCHAR DEFAULT 'invoice'
);
