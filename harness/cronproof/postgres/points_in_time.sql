-- name: minutes
-- A time in minutes since the reset, which is the same in equivalent executions. A time more than 7
-- days from the server's time of the reset counts from the application's.
case
    when isfinite({0}) and {0} between $1 - interval '7 days' and $1 + interval '7 days'
        then round(extract(epoch from {0} - $1) / 60)::text
    when isfinite({0}) then round(extract(epoch from {0} - $4) / 60)::text
    else {0}::text
end

-- name: minutes_of_text
-- The same for a text that is a time. Any other text is itself.
case when {0} ~ {1} then 'minute ' || round(extract(epoch from {0}::timestamptz - $1) / 60) else {0} end

-- name: timeless
-- JSON with its times replaced. They are recognised by their form alone.
regexp_replace({0}::text, {1}, 'a time', 'g')

-- name: earlier_text
-- A text that is a time, moved into the past by $1. Its form, fraction and zone stay.
case when {0} ~ {1}
    then replace(to_char(left({0}, 19)::timestamp - $1::interval, 'YYYY-MM-DD HH24:MI:SS'), ' ', substr({0}, 11, 1))
        || substr({0}, 20)
    else {0}
end
