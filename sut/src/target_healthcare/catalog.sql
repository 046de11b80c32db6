-- What the catalog says of tables, one JSON object for each.

-- name: list_tables
WITH keys AS (
    SELECT conrelid, contype, conname, confdeltype,
        (SELECT relname FROM pg_class WHERE pg_class.oid = confrelid) AS parent,
        (SELECT json_agg(attname ORDER BY place)
            FROM unnest(conkey) WITH ORDINALITY AS part (number, place)
            JOIN pg_attribute ON attrelid = conrelid AND attnum = number) AS columns,
        (SELECT json_agg(attname ORDER BY place)
            FROM unnest(confkey) WITH ORDINALITY AS part (number, place)
            JOIN pg_attribute ON attrelid = confrelid AND attnum = number) AS referenced
    FROM pg_constraint
    WHERE contype IN ('p', 'f') AND conparentid = 0 -- not those of, or to, the partitions of a table
)
SELECT json_build_object(
    'name', relname,
    'columns', coalesce((
        SELECT json_agg(json_build_object(
            'name', attname,
            'type', coalesce((
                WITH RECURSIVE behind (base, modifier) AS (
                    SELECT typbasetype, typtypmod FROM pg_type WHERE oid = atttypid AND typtype = 'd'
                    UNION ALL
                    SELECT typbasetype, typtypmod FROM behind JOIN pg_type ON oid = base WHERE typtype = 'd'
                )
                SELECT format_type(base, modifier) FROM behind JOIN pg_type ON oid = base WHERE typtype <> 'd'
            ), format_type(atttypid, atttypmod)), -- what stands behind a domain
            'nullable', NOT attnotnull,
            'has_default', atthasdef OR attidentity <> ''
        ) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    ), '[]'),
    'primary_key', coalesce((SELECT columns FROM keys WHERE conrelid = pg_class.oid AND contype = 'p'), '[]'),
    'foreign_keys', coalesce((
        SELECT json_agg(json_build_object(
            'columns', columns,
            'references', parent,
            'referenced_columns', referenced,
            'on_delete', CASE confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' END
        ) ORDER BY conname)
        FROM keys WHERE conrelid = pg_class.oid AND contype = 'f'
    ), '[]')
)
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace
    AND relkind IN ('r', 'p') AND NOT relispartition
    AND relname NOT IN ('atdm_run', 'atdm_run_row', 'schema_migration')
ORDER BY relname
