"""`cronproof list`."""

from cronproof.cli.console import Console
from cronproof.cli.options import Config, Scenarios
from cronproof.config.config_file import find_config
from cronproof.scenario import reader


def list_scenarios(
    paths: Scenarios = None,
    config: Config = None,
) -> None:
    """List scenarios and targets."""
    configuration = find_config(config)
    files = reader.read_scenarios(reader.find_files(paths or [reader.SCENARIOS]))
    console = Console()
    files = list({file.source.file: reader.read_scenario(file.source.file) for file in files}.values())  # once a file
    width = max(len(file.id) for file in files)
    for file in files:
        console.say(f"{file.id:{width}}  {file.scenario.title}")
    console.say(f"\nTargets: {', '.join(configuration.targets)}")
