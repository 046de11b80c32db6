-- The shop's own tables, of which the target knows nothing beforehand. "order" is a word of SQL.

CREATE TABLE customer (
    customer_id text PRIMARY KEY,
    name text NOT NULL CHECK (name LIKE 'FAKE\_%'),
    email text NOT NULL,
    joined_at timestamptz NOT NULL,
    test_run_id text NOT NULL
);
CREATE TABLE address (
    address_id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer,
    street text NOT NULL,
    zip text NOT NULL,
    test_run_id text NOT NULL
);
CREATE TABLE product (
    product_id text PRIMARY KEY,
    name text NOT NULL,
    price numeric(8, 2) NOT NULL CHECK (price > 0),
    stock integer NOT NULL CHECK (stock >= 0),
    test_run_id text NOT NULL
);
CREATE TABLE cart (
    cart_id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer,
    product_id text NOT NULL REFERENCES product,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 20),
    status text NOT NULL,
    test_run_id text NOT NULL
);
CREATE TABLE "order" (
    order_id text PRIMARY KEY,
    customer_id text NOT NULL REFERENCES customer,
    cart_id text NOT NULL UNIQUE REFERENCES cart,
    address_id text NOT NULL REFERENCES address,
    total numeric(10, 2) NOT NULL CHECK (total > 0),
    status text NOT NULL,
    placed_at timestamptz NOT NULL,
    test_run_id text NOT NULL
);
CREATE TABLE payment (
    payment_id text PRIMARY KEY,
    order_id text NOT NULL REFERENCES "order",
    amount numeric(10, 2) NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'captured', 'failed')),
    failure text,
    test_run_id text NOT NULL,
    CHECK ((status = 'failed') = (failure IS NOT NULL))
);
CREATE TABLE shipment (
    shipment_id text PRIMARY KEY,
    order_id text NOT NULL REFERENCES "order",
    address_id text NOT NULL REFERENCES address,
    status text NOT NULL,
    sent_at timestamptz,
    test_run_id text NOT NULL
);
CREATE TABLE refund (
    refund_id text PRIMARY KEY,
    payment_id text NOT NULL REFERENCES payment,
    amount numeric(10, 2) NOT NULL CHECK (amount > 0),
    status text NOT NULL,
    asked_at timestamptz NOT NULL,
    test_run_id text NOT NULL
);
CREATE INDEX ON customer (test_run_id);
CREATE INDEX ON address (test_run_id);
CREATE INDEX ON product (test_run_id);
CREATE INDEX ON cart (test_run_id);
CREATE INDEX ON "order" (test_run_id);
CREATE INDEX ON payment (test_run_id);
CREATE INDEX ON shipment (test_run_id);
CREATE INDEX ON refund (test_run_id);
