-- One row per run, kept for ever: a deleted run stays as a tombstone, so a seed that arrives late is refused.
CREATE TABLE atdm_run (
    run_id text COLLATE "C" CONSTRAINT atdm_run_key PRIMARY KEY,
    -- Null for a run that was deleted before it was ever seeded.
    bundle_sha text,
    state text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    CONSTRAINT atdm_run_id_form CHECK (run_id ~ '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$'),
    CONSTRAINT atdm_run_sha_form CHECK (bundle_sha ~ '^[0-9a-f]{64}$'),
    CONSTRAINT atdm_run_state_known CHECK (state IN ('seeded', 'deleted')),
    CONSTRAINT atdm_run_seed_has_sha CHECK (state = 'deleted' OR bundle_sha IS NOT NULL)
);

-- An INSERT can succeed and write less (a trigger that returns NULL, a rule). Every seed asks here, inside its own
-- transaction, so that such a seed fails as a whole.
CREATE FUNCTION atdm_require_rows(table_name text, written bigint, sent bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF written <> sent THEN
        RAISE EXCEPTION USING
            ERRCODE = 'AT001',
            TABLE = table_name,
            MESSAGE = format('%s of %s rows were written', written, sent);
    END IF;
END
$$;
