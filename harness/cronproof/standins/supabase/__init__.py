"""Supabase's REST API in front of a run's database: what PostgREST does, as far as crons need it."""
