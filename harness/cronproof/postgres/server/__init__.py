"""The server that a run works on: embedded, a container, or one given by its DSN."""
