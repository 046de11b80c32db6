CREATE TABLE g (id serial PRIMARY KEY, a integer NOT NULL, b integer NOT NULL, s integer GENERATED ALWAYS AS (a + b) STORED, v integer GENERATED ALWAYS AS (a * 2) VIRTUAL, w integer GENERATED ALWAYS AS (a * 3), at timestamptz DEFAULT now() NOT NULL, u text DEFAULT (upper('x') || 'y'::text) NOT NULL, r integer NOT NULL DEFAULT (random() * 10)::int, name text NOT NULL DEFAULT '; GENERATED ALWAYS AS (x) VIRTUAL', tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', name)) STORED);
CREATE SEQUENCE own_seq START 100;
CREATE TABLE h (id integer PRIMARY KEY DEFAULT nextval('own_seq'), code text NOT NULL DEFAULT ('C-' || nextval('own_seq')), n bigint NOT NULL DEFAULT nextval('own_seq'::regclass) UNIQUE, CHECK (n > 0));
CREATE TABLE k (id text PRIMARY KEY DEFAULT gen_random_uuid()::text, v text NOT NULL);
CREATE TABLE k2 (id varchar(10) PRIMARY KEY DEFAULT substr(md5(random()::text), 1, 10), v text NOT NULL);
CREATE TABLE k3 (id uuid PRIMARY KEY DEFAULT uuidv7(), parent uuid REFERENCES k3, k text REFERENCES k);
