-- name: digest
-- The rows of all tables as one digest, and the log of claims. $1 is the time of the reset, $2 its transaction, $3 the UUIDs
-- that are given, and $4 the application's time at the reset.
select md5(({})::text), (
    select coalesce(json_agg(json_build_array(backend_pid, unit, claim_column, is_set, id) order by id), '[]')
    from cronproof.claim_writes
)
where $3::uuid[] is not null

-- name: changed
-- Rows that are as the reset has left them are known by their first column. Only those written since are looked at.
(
    select jsonb_build_array(
        sum(hashtext({1}::text)) filter (where xmin = $2),
        jsonb_agg({2} order by {2}) filter (where xmin <> $2)
    ) from {0}
)

-- name: minutes
-- Of a time that an execution wrote, only the minute since the reset is the same in equivalent executions. What is far from
-- the server's time counts from the application's.
case
    when isfinite({0}) and {0} between $1 - interval '7 days' and $1 + interval '7 days'
        then round(extract(epoch from {0} - $1) / 60)::text
    when isfinite({0}) then round(extract(epoch from {0} - $4) / 60)::text
    else {0}::text
end

-- name: timeless
-- JSON may hold times, too. Nothing but their form tells them apart from other texts.
regexp_replace({0}::text, {1}, 'a time', 'g')

-- name: given
-- Of a UUID that an execution has made up, nothing is the same in equivalent executions.
case when {0} is null or {0} = any ($3::uuid[]) then {0}::text else 'made up' end
