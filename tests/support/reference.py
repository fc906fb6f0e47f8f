"""The targets of this repository, as its `cronproof.toml` describes them."""

from collections.abc import Mapping
from dataclasses import replace

from cronproof.config.config_file import ConfigFile
from cronproof.engine.plan import Plan
from cronproof.targets.config import TargetConfig
from fixtures.crons.settings import Settings
from tests.support.paths import ROOT

CONFIG = ConfigFile(ROOT / "cronproof.toml")
SCHEMA, _replaceable = CONFIG.find_migrations("reference")
LOCKING = _replaceable[0]
SEED = ROOT / "fixtures" / "seed.yaml"
_, LEASES, NOTICES = CONFIG.find_migrations("hardened")[1]
CRONS = list(CONFIG.crons)
SENT_COLUMNS = {
    "post-job-followup": "followup_sent_at",
    "monthly-followup": "monthly_followup_sent_at",
    "monthly-reengagement": "monthly_followup_sent_at",
    "frequency-nudge": "frequency_nudge_sent_at",
}
"""The column that says of a job that its message was sent, by cron."""
WORKS = CONFIG.application.works
"""The work, without what the database says of it."""
CLAIM_FUNCTIONS = {name: cron.claims_by for name, cron in CONFIG.crons.items() if cron.claims_by is not None}
REPORTED_RISKS = {name: cron.reported_risk for name, cron in CONFIG.crons.items() if cron.reported_risk is not None}
DECLARED = f"""
migrations = ["{ROOT}/sql/0[1-5]-*.sql"]
replaceable_migrations = ["{LOCKING}"]
seed = "{SEED}"
"""
"""The schema and rows of the reference, for a target in a `cronproof.toml`."""
_text = CONFIG.file.read_text()
WORK = _text[_text.index("[work.followup]") : _text.index("[prove]")]
"""What is declared about the application besides targets, for another `cronproof.toml`."""


def plan(target: str = "reference", **changes: object) -> Plan:
    """The plan of a target, with changes."""
    return replace(Plan.from_options(target, CONFIG.file, None), **changes)  # type: ignore[arg-type]


def plan_of_server(config: TargetConfig, **changes: object) -> Plan:
    """The plan of the reference's schema and rows with a target of another kind."""
    return replace(plan("reference", **changes), target="server", target_config=config)


def make_settings(values: Mapping[str, str]) -> Settings:
    """The settings of an instance of the reference crons, by the values of the placeholders."""
    return Settings(
        database_url=values["database_url"],
        cron_secret=values["cron_secret"],
        openphone_api_key=values["openphone_api_key"],
        openphone_url=values["openphone_url"],
        telegram_url=values["telegram_url"],
        ghl_url=values["ghl_url"],
        ghl_api_key=values["openphone_api_key"],
        app_url=values["app_url"],
    )
