-- Tables as the ledger has them, with as many customers: their columns and keys, without its rules.
CREATE TABLE head (
    customer_id bigint PRIMARY KEY,
    entry_count integer NOT NULL DEFAULT 0,
    check_count integer NOT NULL DEFAULT 0,
    last_digest bytea NOT NULL DEFAULT '',
    last_at timestamptz,
    mac bytea NOT NULL
);
CREATE TABLE limit_check (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL,
    number integer NOT NULL,
    processor_id bigint NOT NULL,
    ref_id varchar(32) NOT NULL,
    account varchar(32) NOT NULL,
    at timestamptz NOT NULL,
    month integer NOT NULL,
    amount_paise bigint NOT NULL,
    answer varchar(400) NOT NULL,
    digest bytea NOT NULL,
    UNIQUE (customer_id, number)
);
CREATE INDEX limit_check_by_time ON limit_check (at, id);
CREATE TABLE hold (
    check_id bigint PRIMARY KEY,
    customer_id bigint NOT NULL,
    month integer NOT NULL,
    amount_paise bigint NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX hold_by_customer ON hold (customer_id, month);
CREATE TABLE entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL,
    number integer NOT NULL,
    processor_id bigint NOT NULL,
    check_id bigint NOT NULL,
    ref_id varchar(32) NOT NULL,
    tran_id varchar(32) NOT NULL,
    at timestamptz NOT NULL,
    month integer NOT NULL,
    amount_paise bigint NOT NULL,
    digest bytea NOT NULL,
    UNIQUE (customer_id, number),
    UNIQUE (customer_id, tran_id)
);
CREATE INDEX entry_by_time ON entry (at, id);
CREATE TABLE monthly_usage (
    customer_id bigint NOT NULL,
    month integer NOT NULL,
    debit_paise bigint NOT NULL,
    credit_paise bigint NOT NULL,
    PRIMARY KEY (customer_id, month)
);
