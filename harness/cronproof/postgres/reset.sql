-- name: next_number
-- The next value of a sequence past higher explicit ids of its column; NULL if there are none.
(
    select case when highest.id > s.last_value or not s.is_called then highest.id + 1 end
    from {name} as s, (select max({column}) as id from {table}) as highest
)
