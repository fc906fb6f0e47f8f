"""The sign-off report as one HTML file that works offline, without frameworks or requests.

`page/` has the template, the style and the script. The Content-Security-Policy forbids all else, so
that even a mistake in escaping cannot run or load anything.
"""

import base64
import hashlib
import re
import shlex
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cronproof.explore.named_orders import DESCRIPTIONS
from cronproof.report.data.document import Document
from cronproof.report.views import fault_matrix, lanes, sections
from cronproof.report.views.interleavings import describe_inside, which
from cronproof.report.views.table import Code, Link, Strong

PAGE = Path(__file__).parent / "page"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def render(document: Document) -> str:
    """Renders the page."""
    style, script = _file("sign-off.css"), _file("sign-off.js")
    return (
        _environment()
        .get_template("sign-off.html.jinja")
        .render(
            document=document,
            sections=sections.make_sections(document),
            failures=list(sections.failures(document)),
            gaps=list(sections.gaps(document)),
            style=style,
            script=script,
            policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'",
        )
        .lstrip()
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_legible,
    )
    environment.globals |= {
        "of": sections,
        "matrix": fault_matrix,
        "lanes": lanes,
        "inside": describe_inside,
        "which": which,
        "kind": _kind,
        "described": DESCRIPTIONS,
        "quoted": shlex.quote,
    }
    environment.filters |= {"anchor": _anchor, "name": lambda place: Path(place).name}
    return environment


def _legible(value: object) -> object:
    return _CONTROL.sub("\ufffd", value) if type(value) is str else value


def _kind(cell: object) -> str:
    """Returns the kind of a table's cell."""
    match cell:
        case tuple():
            return "several"
        case Code():
            return "code"
        case Strong():
            return "strong"
        case Link():
            return "link"
        case _:
            return "text"


def _anchor(scenario_id: str) -> str:
    """Converts a scenario's id to an HTML id, made unique by a hash."""
    return f"{re.sub(r'[^A-Za-z0-9-]+', '-', scenario_id)[:60]}-{hashlib.sha256(scenario_id.encode()).hexdigest()[:6]}"


def _file(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
