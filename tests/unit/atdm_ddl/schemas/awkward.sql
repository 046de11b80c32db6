CREATE TABLE region (code char(3) PRIMARY KEY, name text);
CREATE TABLE big (id numeric(20) PRIMARY KEY);
CREATE TABLE small (id smallint PRIMARY KEY);
CREATE TABLE short (id varchar(10) PRIMARY KEY, region char(3) NOT NULL REFERENCES region);
CREATE TABLE loner (a integer, b text);
CREATE TABLE "Order" (
    "Order Id" integer PRIMARY KEY,
    "select" text NOT NULL,
    region char(3) REFERENCES region,
    "Größe" integer NOT NULL CHECK ("Größe" BETWEEN 3 AND 3),
    "MAX" double precision NOT NULL,
    "min" double precision NOT NULL,
    CHECK ("min" < "MAX"),
    from_h integer NOT NULL CHECK (from_h BETWEEN 0 AND 23),
    to_h integer NOT NULL CHECK (to_h BETWEEN 0 AND 23),
    CHECK (from_h < to_h),
    rate numeric(4, 4) NOT NULL,
    ratio real NOT NULL CHECK (ratio > 0 AND ratio < 1),
    price numeric NOT NULL CHECK (price >= 0),
    ends date,
    starts date NOT NULL,
    CHECK (starts < ends),
    at time NOT NULL,
    during interval NOT NULL,
    active boolean NOT NULL DEFAULT true,
    email varchar(12) NOT NULL,
    phone varchar(6),
    note varchar(1) NOT NULL,
    answer char(1) NOT NULL CHECK (answer IN ('y', 'n')),
    mail text NOT NULL CHECK (mail LIKE '%@%.%'),
    grade text NOT NULL CHECK (grade <> 'F' AND length(grade) <= 8)
);
CREATE UNIQUE INDEX ON "Order" ("select");
CREATE TABLE part (
    "Order Id" integer NOT NULL REFERENCES "Order",
    no text NOT NULL,
    of_order integer,
    of_no text,
    other integer,
    other_no text,
    UNIQUE ("Order Id", no),
    UNIQUE (of_order, of_no),
    PRIMARY KEY (no, "Order Id"),
    FOREIGN KEY (of_no, of_order) REFERENCES part,
    FOREIGN KEY (other_no, other) REFERENCES part (no, "Order Id")
);
CREATE TABLE piece (
    id uuid PRIMARY KEY,
    order_id integer NOT NULL,
    part_no text NOT NULL,
    label text NOT NULL,
    FOREIGN KEY (order_id, part_no) REFERENCES part ("Order Id", no),
    FOREIGN KEY (label) REFERENCES "Order" ("select")
);
CREATE TABLE a (id serial PRIMARY KEY, b_id integer NOT NULL, c_id integer);
CREATE TABLE b (id serial PRIMARY KEY, c_id integer NOT NULL, a_id integer NOT NULL REFERENCES a);
CREATE TABLE c (id serial PRIMARY KEY, a_id integer NOT NULL REFERENCES a, b_id integer NOT NULL REFERENCES b);
ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b, ADD FOREIGN KEY (c_id) REFERENCES c;
ALTER TABLE b ADD FOREIGN KEY (c_id) REFERENCES c;
CREATE TABLE tagged (test_run_id text NOT NULL, id smallserial PRIMARY KEY, a_id integer UNIQUE REFERENCES a);
CREATE INDEX ON tagged (test_run_id);
