-- name: ask
-- The rows of a query as JSON.
select coalesce(json_agg(answer), '[]') from (
{query}
) as answer
