-- The fixed statements of the ledger. Parameters are positional; a seed and a delete run as one pipeline each.

-- name: lock_shared
-- Seeds and deletes hold this together; whoever needs the whole database to itself takes it exclusively.
SELECT pg_advisory_xact_lock_shared($1::bigint)

-- name: lock_alone
SELECT pg_advisory_xact_lock($1::bigint)

-- name: record_seed
INSERT INTO atdm_run (run_id, bundle_sha, state, expires_at, keys)
VALUES ($1, $2, 'seeded', now() + make_interval(secs => $3::float8), $4::jsonb)
RETURNING expires_at

-- name: check_deferred
-- A deferred constraint that fails at commit would reach the client as a broken connection; asked for here, it
-- fails as an ordinary statement.
SET CONSTRAINTS ALL IMMEDIATE

-- name: find_seed
SELECT bundle_sha, state, expires_at, keys FROM atdm_run WHERE run_id = $1

-- name: bury_unknown
-- Waits for a seed of the same run that is still under way. One row written: the run was unknown until now.
INSERT INTO atdm_run (run_id, state) VALUES ($1, 'deleted') ON CONFLICT (run_id) DO NOTHING

-- name: bury_seeded
-- One row written: the run was seeded until now.
UPDATE atdm_run SET state = 'deleted', keys = NULL WHERE run_id = $1 AND state = 'seeded'

-- name: lock_expired
-- No row: the run is not seeded, its time is not up, or somebody else has it in hand.
SELECT 1 FROM atdm_run
WHERE run_id = $1 AND state = 'seeded' AND expires_at <= statement_timestamp()
FOR UPDATE SKIP LOCKED

-- name: extend
-- Null: the run is deleted, maybe only while this waited for it.
WITH extended AS (
    UPDATE atdm_run SET expires_at = statement_timestamp() + make_interval(secs => $2::float8)
    WHERE run_id = $1 AND state = 'seeded'
    RETURNING expires_at
)
SELECT (SELECT expires_at FROM extended) FROM atdm_run WHERE run_id = $1

-- name: enter_taker
-- Whoever takes all runs back does so once: its id can be entered only once, and not after a deletion of it.
INSERT INTO atdm_run (run_id, state, taken_back_by) VALUES ($1, 'deleted', $1)

-- name: bury_all
-- Its rows written are the runs that were seeded until now.
UPDATE atdm_run SET state = 'deleted', keys = NULL, taken_back_by = $1::text WHERE state = 'seeded'

-- name: take_restored
-- Runs of which a baseline brought rows back are taken back once more.
UPDATE atdm_run SET taken_back_by = $1::text, restored = false WHERE restored

-- name: list_taken_back
SELECT run_id, state, created_at, expires_at
FROM atdm_run
WHERE taken_back_by = $1 AND run_id <> $1 AND run_id > coalesce($2::text, '') COLLATE "C"
ORDER BY run_id
LIMIT $3

-- name: forget_all
-- After a restore no row is the one that was written.
DELETE FROM atdm_run_row

-- name: find_key_maker
-- The expression that makes a value of a key column: its own sequence or default, that of its domain, else the target's.
WITH RECURSIVE key AS (
    SELECT attidentity, pg_get_expr(adbin, adrelid) AS own, typdefault, atttypid
    FROM pg_attribute
        JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = quote_ident($1::text)::regclass AND attname = $2::text
),
behind (type) AS (
    SELECT atttypid FROM key
    UNION ALL
    SELECT typbasetype FROM behind JOIN pg_type ON oid = type WHERE typtype = 'd'
)
SELECT CASE
    WHEN attidentity <> '' THEN format('nextval(%L)', pg_get_serial_sequence(quote_ident($1::text), $2::text))
    WHEN coalesce(own, typdefault) IS NOT NULL THEN coalesce(own, typdefault)
    WHEN EXISTS (SELECT 1 FROM behind WHERE type = 'uuid'::regtype) THEN 'gen_random_uuid()'
    ELSE 'nextval(''atdm_key'')'
END
FROM key

-- name: list_runs
SELECT run_id, state, created_at, expires_at
FROM atdm_run
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR run_id > $2 COLLATE "C")
ORDER BY run_id
LIMIT $3

-- name: list_expired
SELECT run_id, state, created_at, expires_at
FROM atdm_run
WHERE state = 'seeded' AND expires_at <= statement_timestamp()
ORDER BY expires_at
LIMIT $1
