"""A claim in plain SQL, correct and with a bug of a narrow window: one that commits before its UPDATE."""

SCHEMA = """
    create table claims (id int primary key, open boolean not null);
    create table sent (id int);
    grant all on claims, sent to service_role
"""
ROWS = [b"insert into claims values (1, true)"]
CLAIM = """
    with picked as materialized (select id from claims where open order by id limit 1 for update skip locked)
    update claims set open = false from picked where claims.id = picked.id returning claims.id
"""
PICK = "select id from claims where open order by id limit 1 for update skip locked"
MARK = "update claims set open = false where id = 1"
SEND = "insert into sent values (1)"
