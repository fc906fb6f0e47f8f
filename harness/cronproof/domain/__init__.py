"""The application under verification as plain data: crons, units of work, messages. Everything may import it."""
