"""`cronproof report`, and `cronproof report merge`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cronproof.cli.console import Console, ensure_writable
from cronproof.cli.options import REPORTS, AsJson, JUnit, Sign
from cronproof.cli.outcome import finish, say_what_next
from cronproof.report import folder
from cronproof.report.data.comparison import compare
from cronproof.report.data.document import RESULTS, read_document
from cronproof.report.data.merge import check_shards, merge_documents
from cronproof.report.folder import write_whole
from cronproof.report.views import attestation
from cronproof.report.views.comparison import render_comparison


class _Rendering(TyperGroup):
    """Routes `report DIR` to `render`, and `report merge DIR…` to `merge`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Inserts `render` when the first argument is neither a command nor --help."""
        is_command = not args or args[0] in {*self.commands, "--help"}
        return list(super().parse_args(ctx, args if is_command else ["render", *args]))


reports = typer.Typer(cls=_Rendering, no_args_is_help=True, rich_markup_mode=None)


@reports.command("render")
def render(
    place: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run, with results.json in it.")],
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="The folder of an earlier run: say what has changed since.")
    ] = None,
    key: Sign = None,
) -> None:
    """Render all formats of a run again; or compare it with another one."""
    signer = None if key is None else attestation.signer(key)
    run = read_document(place / RESULTS)
    folder.write(place, run, signer)
    say = Console().say
    say(f"{run.verdict}  {len(run.scenarios)} scenarios. Sign-off report: {place / folder.PAGE}")
    if against is None:
        raise typer.Exit(0)
    changes = compare(read_document(against / RESULTS), run)
    lines = list(render_comparison(changes))
    write_whole(place / "comparison.md", "\n".join(lines) + "\n")
    for line in ["", *lines]:
        say(line)
    say(f"\nThe comparison: {place / 'comparison.md'}")
    raise typer.Exit(1 if changes.is_worse else 0)


@reports.command("merge")
def merge_shards(
    places: Annotated[list[Path], typer.Argument(metavar="DIR…", help="The folders of all shards of one run.")],
    out: Annotated[Path, typer.Option(help="Where the folder of the merged run is made.")] = REPORTS,
    junit_file: JUnit = None,
    as_json: AsJson = False,
    key: Sign = None,
) -> None:
    """Merge the shards of a run into one report."""
    signer = None if key is None else attestation.signer(key)
    if junit_file is not None:
        ensure_writable(junit_file, "--junit")
    shards = {place: read_document(place / RESULTS) for place in places}
    check_shards(shards)
    place = folder.make_folder(out, min(one.started for one in shards.values()))
    run = merge_documents(shards, place)
    folder.write(place, run, signer)
    folder.publish(place)
    console = Console(quiet=as_json)
    say = console.say
    say(f"{run.verdict}  {len(run.scenarios)} scenarios of {len(shards)} shards")
    say(f"\nSign-off report: {place / folder.PAGE}")
    say_what_next(run, console)
    finish(run, junit_file, as_json=as_json)
