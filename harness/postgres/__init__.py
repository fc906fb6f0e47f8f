"""A disposable Postgres: where it runs, the database that a run works in, and the proxy that holds its statements."""
