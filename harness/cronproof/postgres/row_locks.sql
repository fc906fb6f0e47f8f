-- name: awaited_rows
-- The rows of a table for which backends wait. Who waits for a row has a lock on its place, or waits for one.
select distinct relation::regclass::text, format('(%%s,%%s)', page, tuple)
from pg_locks
where locktype = 'tuple' and pid = any (%s) and relation = %s::regclass
order by 1, 2
