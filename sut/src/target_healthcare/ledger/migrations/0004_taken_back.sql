-- Which deletion of all runs, or restore, took the run back. Each has an entry of its own that names itself, so that it
-- is carried out once, and not at all after somebody has deleted that id.
ALTER TABLE atdm_run ADD COLUMN taken_back_by text COLLATE "C";
-- A run whose rows a restored baseline brought back: it has a tombstone, and can be taken back once more.
ALTER TABLE atdm_run ADD COLUMN restored boolean NOT NULL DEFAULT false;
CREATE INDEX atdm_run_restored ON atdm_run (run_id) WHERE restored;
CREATE INDEX atdm_run_taken_back ON atdm_run (taken_back_by, run_id) WHERE taken_back_by IS NOT NULL;
