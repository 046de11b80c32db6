CREATE TABLE "User" ("ID" serial PRIMARY KEY, "firstName" text NOT NULL, "order" integer NOT NULL, "None" text NOT NULL, "from" date NOT NULL, "to" date NOT NULL, CHECK ("to" >= "from"), "draw" date NOT NULL, "Pool" date NOT NULL, CHECK ("draw" < "Pool"), "a.b" text NOT NULL, "a""b" text NOT NULL, "x'y" text NOT NULL, "{}" text NOT NULL, "br{ace}_name" text NOT NULL, "back\slash" text NOT NULL, "emoji ß 名前" text NOT NULL, "  sp  " text NOT NULL);
CREATE TABLE "user" (id serial PRIMARY KEY, user_id integer NOT NULL REFERENCES "User" ("ID"));
CREATE TABLE "名前" ("列" text PRIMARY KEY, "Straße" varchar(30) NOT NULL, ref integer REFERENCES "user");
CREATE TABLE "日本" ("列" text PRIMARY KEY, other text REFERENCES "名前");
CREATE TABLE abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk (abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk text PRIMARY KEY, abcdefghijklmnopqrstuvwxyzabcdefghijkl date NOT NULL, abcdefghijklmnopqrstuvwxyzabcdefghijkm date NOT NULL,
 self text NOT NULL UNIQUE REFERENCES abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk);
CREATE TABLE "class" (id text PRIMARY KEY, "def" text NOT NULL CHECK ("def" IN ('a"b', 'c''d', E'new\nline', 'back\slash', '')));
CREATE TABLE generator (id text PRIMARY KEY, a_b date NOT NULL, "a b" date NOT NULL, "A_B" date NOT NULL, CHECK ("a b" >= a_b), CHECK ("A_B" >= "a b"));
CREATE TABLE generators (id text PRIMARY KEY); 
CREATE TABLE "order line" (id text PRIMARY KEY, "CITIES" text, city text);
CREATE TABLE "order_line" (id text PRIMARY KEY, r text NOT NULL REFERENCES "order line", r2 text NOT NULL REFERENCES "order line");
CREATE TABLE "order-line" (id text PRIMARY KEY, r text NOT NULL REFERENCES "order_line");
CREATE TABLE "1" (id text PRIMARY KEY, "2" date, "3" date, CHECK ("2" <= "3"));
CREATE TABLE "''" (id text PRIMARY KEY);
CREATE TABLE "validator" (id text PRIMARY KEY, "Table" date NOT NULL, "Mask" date NOT NULL, CHECK ("Table" < "Mask"), row text REFERENCES "''");
