CREATE TABLE a (id text PRIMARY KEY, n integer NOT NULL UNIQUE, b bigint NOT NULL UNIQUE, sm smallint NOT NULL UNIQUE,
  code char(2) NOT NULL UNIQUE, v varchar(12) NOT NULL UNIQUE, d date NOT NULL UNIQUE, ts timestamptz NOT NULL UNIQUE, num numeric(14,2) NOT NULL UNIQUE,
  u uuid NOT NULL UNIQUE, f double precision NOT NULL UNIQUE, r real NOT NULL UNIQUE, nu integer UNIQUE, email varchar(60) NOT NULL UNIQUE,
  status text NOT NULL CHECK (status IN ('a','b')), x integer NOT NULL CHECK (x BETWEEN 1 AND 9), t1 text NOT NULL, t2 integer NOT NULL, UNIQUE (t1,t2));
CREATE TABLE c (id serial PRIMARY KEY, a_id text NOT NULL REFERENCES a, n integer NOT NULL, UNIQUE (a_id, n), ref integer NOT NULL REFERENCES a (n), sref smallint NOT NULL REFERENCES a (sm));
CREATE UNIQUE INDEX one_active ON a (v) WHERE status = 'a';
CREATE UNIQUE INDEX low_mail ON a (lower(email));
CREATE UNIQUE INDEX ON a (b) INCLUDE (n);
