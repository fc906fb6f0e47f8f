"""The REST API without a database."""

from cronproof.standins.supabase.rest import Rest
from cronproof.standins.supabase.schema import Schema

NO_DATABASE = Rest(lambda role: f"postgresql://{role}@127.0.0.1:1/none", Schema({}, {}, [], []))
