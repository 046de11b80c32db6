-- Rows of runs in tables without a run column, named by their primary key. A key stands here once: whoever writes a row
-- with the key of a row that is gone owns it now.
CREATE TABLE atdm_run_row (
    table_name text COLLATE "C" NOT NULL,
    key jsonb NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (table_name, key)
);
CREATE INDEX atdm_run_row_run ON atdm_run_row (run_id, table_name);

-- The keys made for symbolic ones, so that a repeated seed gets the first answer.
ALTER TABLE atdm_run ADD COLUMN keys jsonb;

-- Keys for integer columns that have no default. They begin far from those that an application counts up.
CREATE SEQUENCE atdm_key START 1000000000;
