"""A schema of other people as pg_dump writes it, with rows of its own, and rows to seed that refer in a circle."""

from typing import Any, TypeAlias

import httpx2
import psycopg

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]
Tables: TypeAlias = dict[str, list[dict[str, Any]]]

DUMP = """
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
CREATE TABLE public.customer (
    id integer NOT NULL, name text NOT NULL, referrer integer, favourite integer, joined date DEFAULT '2026-01-02'
);
ALTER TABLE public.customer ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.customer_id_seq);
CREATE TABLE public."order" (id bigint NOT NULL, customer_id integer NOT NULL, total numeric(12,2) NOT NULL);
CREATE SEQUENCE public.order_id_seq;
ALTER TABLE ONLY public."order" ALTER COLUMN id SET DEFAULT nextval('public.order_id_seq'::regclass);
CREATE TABLE public.product (id uuid DEFAULT gen_random_uuid() NOT NULL, sku text NOT NULL, maker integer NOT NULL);
CREATE TABLE public.line (order_id bigint NOT NULL, number smallint NOT NULL, product uuid NOT NULL);
CREATE TABLE public.parcel (code text NOT NULL, order_id bigint NOT NULL, number smallint NOT NULL, sent timestamptz);
CREATE TABLE public.shelf (id integer NOT NULL, product uuid);
CREATE TABLE public.note (customer_id integer, text text);
ALTER TABLE ONLY public.customer ADD CONSTRAINT customer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public."order" ADD CONSTRAINT order_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.product ADD CONSTRAINT product_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.line ADD CONSTRAINT line_pkey PRIMARY KEY (order_id, number);
ALTER TABLE ONLY public.parcel ADD CONSTRAINT parcel_pkey PRIMARY KEY (code);
ALTER TABLE ONLY public.shelf ADD CONSTRAINT shelf_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customer ADD CONSTRAINT r FOREIGN KEY (referrer) REFERENCES public.customer(id);
ALTER TABLE ONLY public.customer ADD CONSTRAINT f FOREIGN KEY (favourite) REFERENCES public.shelf(id);
ALTER TABLE ONLY public."order" ADD CONSTRAINT c FOREIGN KEY (customer_id) REFERENCES public.customer(id);
ALTER TABLE ONLY public.product ADD CONSTRAINT m FOREIGN KEY (maker) REFERENCES public.customer(id);
ALTER TABLE ONLY public.line ADD CONSTRAINT o FOREIGN KEY (order_id) REFERENCES public."order"(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.line ADD CONSTRAINT p FOREIGN KEY (product) REFERENCES public.product(id);
ALTER TABLE ONLY public.parcel ADD CONSTRAINT l FOREIGN KEY (order_id, number) REFERENCES public.line;
ALTER TABLE ONLY public.shelf ADD CONSTRAINT p FOREIGN KEY (product) REFERENCES public.product(id);
ALTER TABLE ONLY public.note ADD CONSTRAINT c FOREIGN KEY (customer_id) REFERENCES public.customer(id);
"""
OWN_ROWS = """
INSERT INTO customer (name) VALUES ('own 1'), ('own 2');
INSERT INTO "order" (customer_id, total) VALUES (1, 9.90);
INSERT INTO product (sku, maker) VALUES ('own', 2);
INSERT INTO line SELECT 1, 1, id FROM product;
INSERT INTO parcel VALUES ('own', 1, 1, '2026-03-04T05:06:07Z');
INSERT INTO shelf SELECT 1, id FROM product;
UPDATE customer SET favourite = 1, referrer = 1;
INSERT INTO note VALUES (1, 'own');
"""
CIRCLE: Tables = {
    "shelf": [{"id": "shelf-1", "product": "product-1"}],
    "product": [{"id": "product-1", "sku": "X", "maker": "customer-2"}],
    "customer": [
        {"id": "customer-1", "name": "A", "referrer": "customer-2", "favourite": None},
        {"id": "customer-2", "name": "B", "referrer": 1, "favourite": "shelf-1"},
    ],
    "order": [{"id": "order-1", "customer_id": "customer-1", "total": 12.3}],
    "line": [{"order_id": "order-1", "number": 7, "product": "product-1"}],
    "parcel": [{"code": "parcel-1", "order_id": "order-1", "number": 7}],
}
COUNTS = {"customer": 2, "order": 1, "product": 1, "line": 1, "parcel": 1, "shelf": 1}


async def delete(target: httpx2.AsyncClient, run_id: str) -> dict[str, Any]:
    """Delete a run, and return the answer."""
    answer = await target.delete(f"/internal/runs/{run_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def digest(target: httpx2.AsyncClient) -> dict[str, Any]:
    """The digests of all tables."""
    return (await target.get("/internal/digest")).json()["tables"]


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    """The tables that have any."""
    return {name: count for name, count in counts.items() if count}
