SET statement_timeout = 0;
CREATE TABLE public."User" (
    "Id" integer NOT NULL,
    "eMail" character varying(254) NOT NULL,
    "from" date,
    "to" date,
    is_admin boolean DEFAULT false NOT NULL,
    rating double precision,
    CONSTRAINT r CHECK (((rating >= (0)::double precision) AND (rating <= (1)::double precision))),
    CONSTRAINT ft CHECK (("to" > "from"))
);
ALTER TABLE public."User" ALTER COLUMN "Id" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public."User_Id_seq" START WITH 1 INCREMENT BY 1
);
CREATE TABLE public.membership (
    "user" integer NOT NULL,
    grp uuid NOT NULL,
    role text DEFAULT 'x'::text NOT NULL,
    CONSTRAINT rc CHECK ((role = ANY (ARRAY['admin'::text, 'x'::text])))
);
CREATE TABLE public.grp (gid uuid DEFAULT gen_random_uuid() NOT NULL, title character varying(12) NOT NULL);
CREATE TABLE public.audit_2020 (
    grp uuid NOT NULL,
    "user" integer NOT NULL,
    note text,
    at timestamp without time zone NOT NULL,
    done timestamp without time zone NOT NULL,
    finished timestamp without time zone,
    CHECK ((done >= at)),
    CHECK ((finished >= done))
);
ALTER TABLE ONLY public."User" ADD CONSTRAINT "User_pkey" PRIMARY KEY ("Id");
ALTER TABLE ONLY public."User" ADD CONSTRAINT "User_mail" UNIQUE ("eMail");
ALTER TABLE ONLY public.membership ADD CONSTRAINT m_pkey PRIMARY KEY ("user", grp);
ALTER TABLE ONLY public.grp ADD CONSTRAINT grp_pkey PRIMARY KEY (gid);
ALTER TABLE ONLY public.membership
    ADD CONSTRAINT m_u FOREIGN KEY ("user") REFERENCES public."User"("Id") ON DELETE CASCADE;
ALTER TABLE ONLY public.membership ADD CONSTRAINT m_g FOREIGN KEY (grp) REFERENCES public.grp(gid);
ALTER TABLE ONLY public.audit_2020
    ADD CONSTRAINT a_m FOREIGN KEY ("user", grp) REFERENCES public.membership("user", grp);
CREATE UNIQUE INDEX one_title ON public.grp USING btree (lower((title)::text)) WHERE ((title)::text = 'only one'::text);
