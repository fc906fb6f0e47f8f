-- name: digest
-- The digest of all tables, and the log of claims. $1 is the time of the reset, $2 its transaction,
-- $3 the given UUIDs, and $4 the application's time at the reset.
select md5(({})::text), (
    select coalesce(json_agg(json_build_array(backend_pid, unit, work, is_set, was_set, id) order by id), '[]')
    from cronproof.claim_writes
)
where $3::uuid[] is not null

-- name: changed
-- Rows unchanged since the reset count by their first column. Rows written since count whole.
(
    select jsonb_build_array(
        sum(hashtext({1}::text)) filter (where xmin = $2),
        jsonb_agg({2} order by {2}) filter (where xmin <> $2)
    ) from {0}
)

-- name: given
-- A UUID, unless it was generated: equivalent executions generate different ones.
case when {0} is null or {0} = any ($3::uuid[]) then {0}::text else 'made up' end
