-- name: digest
-- The digest of all tables, and the log of claims. $1 is the time of the reset, $2 its transaction,
-- $3 the given UUIDs, and $4 the application's time at the reset.
select md5(({})::text), (
    select coalesce(json_agg(json_build_array(backend_pid, unit, claim_column, is_set, id) order by id), '[]')
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

-- name: minutes
-- A time in minutes since the reset, which is the same in equivalent executions. A time more than 7
-- days from the server's time of the reset counts from the application's.
case
    when isfinite({0}) and {0} between $1 - interval '7 days' and $1 + interval '7 days'
        then round(extract(epoch from {0} - $1) / 60)::text
    when isfinite({0}) then round(extract(epoch from {0} - $4) / 60)::text
    else {0}::text
end

-- name: timeless
-- JSON with its times replaced. They are recognised by their form alone.
regexp_replace({0}::text, {1}, 'a time', 'g')

-- name: given
-- A UUID, unless it was generated: equivalent executions generate different ones.
case when {0} is null or {0} = any ($3::uuid[]) then {0}::text else 'made up' end
