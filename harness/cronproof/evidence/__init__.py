"""The evidence of an execution as plain data, and the outcome of each message. Imported by `checks` and all above."""
