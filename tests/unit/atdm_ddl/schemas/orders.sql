CREATE TABLE o (id serial PRIMARY KEY, a date NOT NULL, b date, c date NOT NULL, d date, CHECK (a <= b AND b <= c), CHECK (c < d), CHECK (a < d),
 lo integer NOT NULL, hi smallint NOT NULL, CHECK (lo < hi), x numeric(10,2) NOT NULL, y numeric(10,4) NOT NULL, z integer NOT NULL, CHECK (x < y),
 s timestamptz NOT NULL, e timestamptz NOT NULL, CHECK (e > s), n1 text, n2 text, CHECK (n1 < n2), UNIQUE (a, c),
 loop1 integer NOT NULL, loop2 integer NOT NULL, CHECK (loop1 <= loop2),
 total numeric(12,2) NOT NULL, net numeric(12,2) NOT NULL, tax numeric(12,2) NOT NULL, CHECK (net <= total), nullint integer, nullint2 integer, CHECK (nullint <= nullint2));
