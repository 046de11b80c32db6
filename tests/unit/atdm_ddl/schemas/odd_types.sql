CREATE TYPE mood AS ENUM ('calm', 'angry');
CREATE DOMAIN zip AS text CHECK (VALUE <> '');
CREATE TABLE tenant (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE,
    z zip,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE "Order Line" (
    tenant_id bigint NOT NULL REFERENCES tenant,
    line_no integer NOT NULL CHECK (line_no BETWEEN 1 AND 5),
    m mood NOT NULL DEFAULT 'calm',
    q numeric(10, 2) CHECK (q > 0 AND q <= 100),
    s varchar(20) NOT NULL CHECK (s IN ('x', 'y')),
    t text CHECK (char_length(t) <= 5),
    d date,
    e date,
    tags text[],
    j jsonb NOT NULL DEFAULT '{}',
    b bytea NOT NULL,
    full_name text GENERATED ALWAYS AS (s || '!') STORED,
    ip inet,
    "class" text,
    CONSTRAINT ed CHECK (e >= d),
    CHECK (s <> 'z' OR t IS NOT NULL),
    PRIMARY KEY (tenant_id, line_no)
);
CREATE TABLE shipment (
    id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
    tenant_id bigint NOT NULL,
    line_no integer NOT NULL,
    weight real NOT NULL CHECK (weight > 0),
    FOREIGN KEY (tenant_id, line_no) REFERENCES "Order Line"
);
CREATE TABLE country (code char(2) PRIMARY KEY);
CREATE TABLE visa (id text PRIMARY KEY, country char(2) NOT NULL REFERENCES country);
