-- name: forget_statistics
-- Takes away what Postgres knows about tables, as if they had never been analyzed.
with forgotten as (
    delete from pg_statistic where starelid = any (select to_regclass(t) from unnest(%s::text[]) as t)
    returning starelid
)
update pg_class set reltuples = -1, relpages = 0 where oid in (select starelid from forgotten)
