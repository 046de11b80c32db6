-- What the catalog says about the tables to export or restore. Parameter: their names.

-- name: settle
-- Values are written and read in one form, whatever the database or the role is set to, and nothing is filtered.
SET timezone TO 'UTC';
SET datestyle TO 'ISO, MDY';
SET intervalstyle TO 'postgres';
SET extra_float_digits TO 1;
SET bytea_output TO 'hex';
SET row_security TO off;
SET statement_timeout TO 0;
SET idle_in_transaction_session_timeout TO 0;
-- Whoever has to wait longer for somebody else's lock is told to come again.
SET lock_timeout TO '30s'

-- name: list_columns
-- Generated columns are left out: COPY neither takes nor needs them. An inheriting table is read without its children,
-- a partitioned one (kind 'p') has its rows nowhere but in them.
SELECT wanted.name, pg_class.relkind = 'p', pg_attribute.attname, format_type(atttypid, atttypmod)
FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, position)
JOIN pg_class ON pg_class.oid = to_regclass(quote_ident(wanted.name))
JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY wanted.position, attnum

-- name: list_hindrances
-- What stands in the way of a bulk load: a statement that sets it aside and one that puts it back, to be run in the
-- opposite order. Triggers would change rows that were changed once already; a foreign key refuses children before
-- parents, and it and an index cost less to build once than to keep up row by row. An index that is more than its
-- definition (clustered on, the replica identity, needed by a view) stays.
WITH restored AS (
    SELECT to_regclass(quote_ident(name))::oid AS oid FROM unnest($1::text[]) AS name
), hindrance AS (
    SELECT
        0 AS stage,
        format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname) AS set_aside,
        format(
            'ALTER TABLE %s ENABLE %s TRIGGER %I',
            tgrelid::regclass,
            CASE tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' END,
            tgname
        ) AS put_back,
        NULL AS comment_on,
        NULL AS comment
    FROM pg_trigger
    WHERE tgrelid IN (SELECT oid FROM restored) AND NOT tgisinternal AND tgenabled <> 'D' AND tgparentid = 0
    UNION ALL
    SELECT
        CASE contype WHEN 'f' THEN 1 ELSE 2 END,
        format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid)),
        format('CONSTRAINT %I ON %s', conname, conrelid::regclass),
        obj_description(pg_constraint.oid, 'pg_constraint')
    FROM pg_constraint
    JOIN pg_index ON pg_index.indexrelid = conindid
    WHERE conrelid IN (SELECT oid FROM restored)
        AND conparentid = 0
        AND (
            contype = 'f'
            OR contype IN ('p', 'u', 'x')
            AND NOT indisclustered AND NOT indisreplident
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE refclassid = 'pg_constraint'::regclass AND refobjid = pg_constraint.oid AND deptype = 'n'
            )
        )
    UNION ALL
    SELECT
        3,
        format('DROP INDEX %s', indexrelid::regclass),
        pg_get_indexdef(indexrelid),
        format('INDEX %s', indexrelid::regclass),
        obj_description(indexrelid, 'pg_class')
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid IN (SELECT oid FROM restored)
        AND NOT relispartition AND indisvalid AND NOT indisclustered AND NOT indisreplident
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
)
SELECT
    set_aside,
    CASE WHEN comment IS NULL THEN put_back ELSE format('%s; COMMENT ON %s IS %L', put_back, comment_on, comment) END
FROM hindrance
ORDER BY stage

-- name: list_restarts
-- One query for each sequence that a column owns; it writes the statement that lets the sequence go on behind the
-- column's values. A restart is undone with its transaction, which setval is not.
SELECT format(
    'SELECT format(%L, least(greatest(coalesce(%s(%I)::numeric + %s, %s), %s), %s)) FROM %s',
    replace(format('ALTER SEQUENCE %s RESTART WITH ', seqrelid::regclass), '%', '%%') || '%s',
    CASE WHEN seqincrement > 0 THEN 'max' ELSE 'min' END, attname, seqincrement, seqstart, seqmin, seqmax,
    refobjid::regclass
)
FROM pg_sequence
JOIN pg_depend ON classid = 'pg_class'::regclass AND objid = seqrelid AND refclassid = 'pg_class'::regclass
    AND deptype IN ('a', 'i')
JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
WHERE refobjid IN (SELECT to_regclass(quote_ident(name))::oid FROM unnest($1::text[]) AS name)
