-- name: next_number
-- The next value of a sequence past higher explicit ids of its column; NULL if there are none.
(
    select case when highest.id > s.last_value or not s.is_called then highest.id + 1 end
    from {name} as s, (select max({column}) as id from {table}) as highest
)

-- name: disordered
-- Whether rows of a table that this transaction has inserted lie in another order than they were
-- inserted in. Free space on a page is filled before a new page, which may come to lie before or behind it.
select bool_or(place < before) from (
    select ctid as place, lag(ctid) over (partition by tableoid order by cmin::text::bigint, ctid) as before
    from {} where xmin = pg_current_xact_id()::xid
) as placed

-- name: count
-- How many rows a table has, two at most.
(select count(*) from (select from {} limit 2) as rows)
