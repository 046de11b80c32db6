-- Runs whose time is up are looked for again and again, among ever more tombstones.
CREATE INDEX atdm_run_expiry ON atdm_run (expires_at) WHERE state = 'seeded' AND expires_at IS NOT NULL;

-- A foreign key may let the database change or delete rows by itself (ON DELETE CASCADE, SET NULL, SET DEFAULT). A
-- delete asks here first, so that it never happens unseen: it fails just as a foreign key that forbids would fail.
CREATE FUNCTION atdm_require_unreferenced(table_name text, is_referenced boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF is_referenced THEN
        RAISE EXCEPTION USING
            ERRCODE = 'restrict_violation',
            TABLE = table_name,
            MESSAGE = format('rows of "%s" refer to the rows to delete', table_name);
    END IF;
END
$$;
