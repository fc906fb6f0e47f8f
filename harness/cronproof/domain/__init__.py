"""The application under verification as plain data: crons, units of work, instances, messages."""
