-- name: awaited_rows
-- The rows of tables for which backends wait, in the order of the backends: where rows lie differs from execution to
-- execution. Who waits for a row has a lock on its place, or waits for one.
select relation::regclass::text, format('(%%s,%%s)', page, tuple)
from pg_locks join unnest(%s::int[]) with ordinality as waiting (pid, position) using (pid)
where locktype = 'tuple' and relation = any (%s::text[]::regclass[])
group by relation, page, tuple
order by min(position), page, tuple
