-- name: next_number
-- The next value of a sequence behind the explicit ids of its column; NULL where the sequence gave them all.
(
    select case when highest.id > s.last_value or not s.is_called then highest.id + 1 end
    from {name} as s, (select max({column}) as id from {table}) as highest
)
