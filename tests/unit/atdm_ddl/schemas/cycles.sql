CREATE TABLE node (
    id serial PRIMARY KEY,
    parent_id integer REFERENCES node,
    mirror integer NOT NULL REFERENCES node (id),
    name varchar(4) NOT NULL
);
CREATE TABLE dept (id text PRIMARY KEY, head_id text NOT NULL);
CREATE TABLE emp (
    id text PRIMARY KEY,
    dept_id text NOT NULL REFERENCES dept,
    boss_id text REFERENCES emp,
    salary numeric(9, 2) NOT NULL CHECK (salary >= 1000),
    state text NOT NULL CHECK (state IN ('on', 'it''s off', 'a "b"'))
);
ALTER TABLE dept ADD CONSTRAINT dept_head FOREIGN KEY (head_id) REFERENCES emp DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE "import" (
    id text PRIMARY KEY,
    "class" text NOT NULL CHECK ("class" IN ('x')),
    "def" smallint NOT NULL CHECK ("def" > 100),
    "0" integer NOT NULL CHECK ("0" IN (1, 2, 3)),
    n numeric NOT NULL,
    neg integer NOT NULL CHECK (neg < 0),
    big bigint NOT NULL CHECK (big >= 5000000000),
    code varchar(3) NOT NULL CHECK (code LIKE 'A%')
);
CREATE TABLE extra (dept_id text PRIMARY KEY REFERENCES dept (id), other text NOT NULL UNIQUE);
CREATE TABLE leaf (other text NOT NULL REFERENCES extra (other), n integer NOT NULL, PRIMARY KEY (other, n));
