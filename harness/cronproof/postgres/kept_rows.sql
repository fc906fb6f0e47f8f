-- name: put_back
-- Puts the rows of the migrations back, except those in whose place others were given.
insert into {table} ({columns}) overriding system value select {columns} from {copy} on conflict do nothing
