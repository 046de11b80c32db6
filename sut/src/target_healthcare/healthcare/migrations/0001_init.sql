-- The healthcare domain: five tables whose rows belong to runs, and two of shared codes.
-- Nothing may look real: the CHECK constraints refuse names, places and numbers without the FAKE_ marker.

CREATE TABLE plan (
    plan_id text PRIMARY KEY,
    name text NOT NULL,
    coverage_type text NOT NULL,
    effective_date date NOT NULL,
    test_run_id text NOT NULL,
    CONSTRAINT plan_coverage_type_known CHECK (coverage_type IN ('hmo', 'ppo', 'epo', 'pos'))
);

CREATE TABLE provider (
    provider_id text PRIMARY KEY,
    name text NOT NULL,
    network_status text NOT NULL,
    npi_fake text NOT NULL,
    test_run_id text NOT NULL,
    CONSTRAINT provider_name_fake CHECK (name LIKE 'FAKE\_%'),
    CONSTRAINT provider_npi_fake CHECK (npi_fake LIKE 'FAKE\_%'),
    CONSTRAINT provider_network_status_known CHECK (network_status IN ('in_network', 'out_of_network'))
);

CREATE TABLE member (
    member_id text PRIMARY KEY,
    status text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    date_of_birth date NOT NULL,
    address_line1 text NOT NULL,
    address_city text NOT NULL,
    address_state text NOT NULL,
    address_zip text NOT NULL,
    plan_id text NOT NULL CONSTRAINT member_plan_exists REFERENCES plan (plan_id),
    test_run_id text NOT NULL,
    CONSTRAINT member_status_known CHECK (status IN ('active', 'inactive')),
    CONSTRAINT member_first_name_fake CHECK (first_name LIKE 'FAKE\_%'),
    CONSTRAINT member_last_name_fake CHECK (last_name LIKE 'FAKE\_%'),
    -- A street may begin with its number: '12 FAKE_Elm Street'.
    CONSTRAINT member_address_line1_fake CHECK (address_line1 LIKE '%FAKE\_%'),
    CONSTRAINT member_address_city_fake CHECK (address_city LIKE 'FAKE\_%'),
    CONSTRAINT member_address_state_fake CHECK (address_state = 'ZZ')
);

CREATE TABLE eligibility (
    eligibility_id text PRIMARY KEY,
    member_id text NOT NULL CONSTRAINT eligibility_member_exists REFERENCES member (member_id),
    effective_from date NOT NULL,
    effective_to date NOT NULL,
    status text NOT NULL,
    test_run_id text NOT NULL,
    CONSTRAINT eligibility_window_ordered CHECK (effective_to >= effective_from),
    CONSTRAINT eligibility_status_known CHECK (status IN ('active', 'inactive', 'expired'))
);

CREATE TABLE procedure_code (
    code text PRIMARY KEY,
    description text NOT NULL,
    is_valid boolean NOT NULL,
    test_run_id text
);

CREATE TABLE diagnosis_code (
    code text PRIMARY KEY,
    description text NOT NULL,
    is_valid boolean NOT NULL,
    test_run_id text
);

CREATE TABLE claim (
    claim_id text PRIMARY KEY,
    member_id text NOT NULL CONSTRAINT claim_member_exists REFERENCES member (member_id),
    provider_id text NOT NULL CONSTRAINT claim_provider_exists REFERENCES provider (provider_id),
    procedure_code text NOT NULL CONSTRAINT claim_procedure_code_exists REFERENCES procedure_code (code),
    diagnosis_code text NOT NULL CONSTRAINT claim_diagnosis_code_exists REFERENCES diagnosis_code (code),
    status text NOT NULL,
    submitted_at timestamptz NOT NULL,
    denial_reason text,
    test_run_id text NOT NULL,
    CONSTRAINT claim_status_known CHECK (status IN ('paid', 'denied', 'pending')),
    CONSTRAINT claim_denial_reason_required CHECK (status <> 'denied' OR coalesce(denial_reason, '') <> '')
);

CREATE INDEX plan_test_run_id ON plan (test_run_id);
CREATE INDEX provider_test_run_id ON provider (test_run_id);
CREATE INDEX member_test_run_id ON member (test_run_id);
CREATE INDEX eligibility_test_run_id ON eligibility (test_run_id);
CREATE INDEX claim_test_run_id ON claim (test_run_id);
CREATE INDEX procedure_code_test_run_id ON procedure_code (test_run_id);
CREATE INDEX diagnosis_code_test_run_id ON diagnosis_code (test_run_id);

CREATE INDEX member_plan_id ON member (plan_id);
CREATE INDEX eligibility_member_id ON eligibility (member_id);
CREATE INDEX claim_member_id ON claim (member_id);
CREATE INDEX claim_provider_id ON claim (provider_id);
CREATE INDEX claim_procedure_code ON claim (procedure_code);
CREATE INDEX claim_diagnosis_code ON claim (diagnosis_code);

-- The shared codes belong to no run, so no reset reaches them.
INSERT INTO procedure_code (code, description, is_valid) VALUES
    ('99213', 'Office visit, established patient, low complexity', true),
    ('99214', 'Office visit, established patient, moderate complexity', true),
    ('70553', 'MRI of the brain without and with contrast', true),
    ('00000', 'Not a procedure code', false);

INSERT INTO diagnosis_code (code, description, is_valid) VALUES
    ('Z00.00', 'General adult medical examination without abnormal findings', true),
    ('M54.5', 'Low back pain', true),
    ('R51', 'Headache', true),
    ('ZZZ.99', 'Not a diagnosis code', false);
