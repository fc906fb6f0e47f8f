"""`cronproof.toml`: its values, and where its mistakes are reported."""

from pathlib import Path

import pytest

from cronproof.config.config_file import ConfigFile
from cronproof.errors import InvalidConfig, UsageError
from cronproof.targets.config import fill_placeholders


def config(folder: Path, text: str) -> ConfigFile:
    file = folder / "cronproof.toml"
    file.write_text(text)
    return ConfigFile(file)


def test_a_target_with_all_that_it_needs(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    read = config(
        tmp_path,
        """
        [targets.app]
        command = ["node", "server.js"]
        cwd = "app"
        [targets.app.env]
        PORT = "{port}"
        """,
    )

    target = read.find_target("app")

    assert (target.command, target.cwd, target.path) == (["node", "server.js"], tmp_path / "app", "/api/cron/{cron}")
    assert target.env == {"PORT": "{port}"}
    assert read.find_migrations("app") == ([], [])


def test_only_placeholders_are_filled_in() -> None:
    assert fill_placeholders("http://x:{port}/{unknown}/{}", {"port": "80"}) == "http://x:80/{unknown}/{}"


def test_migrations_are_files_and_patterns_next_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    for name in ("2.sql", "1.sql", "10.txt"):
        (tmp_path / "sql" / name).touch()
    read = config(tmp_path, '[targets.app]\nurl = ["http://x"]\nports = 5000\nmigrations = ["sql/2.sql", "sql/*.sql"]')

    assert read.find_migrations("app") == ([tmp_path / "sql" / "2.sql", tmp_path / "sql" / "1.sql"], [])


def test_a_pattern_that_fits_nothing_is_told(tmp_path: Path) -> None:
    read = config(tmp_path, '[targets.app]\nurl = ["http://x"]\nports = 5000\nmigrations = ["db/*.sql"]')

    with pytest.raises(UsageError, match=r"\[targets.app\] migrations: no file fits 'db/\*.sql'"):
        read.find_migrations("app")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("[targets.app]\ncommand = [", 2, 1, "not TOML: invalid value"),
        ('[targets.app]\ncommand = "x" "y"', 2, 15, "not TOML: expected newline or end of document after a statement"),
        ("x = " + "[" * 5000, 1, 1, "not TOML: maximum recursion depth exceeded"),
        ("x = " + "9" * 5000, 1, 1, "not TOML: Exceeds the limit (4300 digits)"),
        ("", 1, 1, "'targets' is missing; a target begins with `[targets.NAME]`"),
        ("[targets]", 1, 1, "targets: dictionary should have at least 1 item after validation, not 0"),
        ('[targets.app]\ncommandd = ["x"]', 2, 1, "unknown word 'commandd'; did you mean 'command'?"),
        ('[targets.a]\ncommand = ["x"]\n[target.b]\n', 3, 1, "unknown word 'target'; did you mean 'targets'?"),
        ('[targets.app]\nurl = ["http://x"]', 1, 1, "servers that run already need `ports` for their addresses"),
        ("[targets.app]\nready = '/'", 1, 1, "a target has one of `command`, `run`, `url` and `asgi`"),
        ("[targets.app]\ncommand = []", 2, 1, "command: list should have at least 1 item after validation, not 0"),
        (
            '[targets.app]\nurl = ["localhost"]',
            2,
            1,
            "'localhost' is not the address of a server; write for example http",
        ),
        (
            '[targets.app]\nurl = ["http://x"]\nports = 5000\nrestart = true',
            1,
            1,
            "a server that runs already cannot be restarted",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[targets.app.env]\nX = "{services.mial.url}"\n[services.mail]\nroutes = [{ request = "GET /" }]',
            3,
            1,
            "there is no service 'mial'; did you mean 'mail'?",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[services.telegram]\nroutes = [{ request = "GET /" }]',
            3,
            1,
            "telegram is there already; give your own service another name",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[services.mail]\nhosts = ["api.quo.com"]\nroutes = [{ request = "GET /" }]',
            4,
            1,
            "api.quo.com is a host of openphone already; each has one service",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[services.mail]\nhosts = []',
            3,
            1,
            "mail has no routes, and no service of this name is bundled; ",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[services.mail]\nopenapi = "mail.yaml"',
            4,
            1,
            "there is no file ",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[targets.app.env]\nA = "1"\nX = "{database_url"',
            5,
            1,
            "the brace of {database_url is not closed",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "FETCH /x"',
            4,
            1,
            "'FETCH /x' is no request; write the method and the path, `POST /v1/messages/{id}`",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "GET /{x"',
            4,
            1,
            "'GET /{x' is no request; write the method and the path, `POST /v1/messages/{id}`",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[services.mail]\nhosts = ["https://a.example"]',
            4,
            1,
            "'https://a.example' is no host; write its name alone, api.example.com",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "GET /"\nmessage = { to = "" }',
            5,
            1,
            "an expression says where something is in the request; it cannot be empty",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[work.x]\ntable = "x"\ndue = ""\ncrons = ["c"]',
            5,
            1,
            "this is SQL over a row; it cannot be empty",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[work.x]\ntable = "x"\nremoves = "yes"\ncrons = ["c"]',
            5,
            1,
            "removes: input should be a valid boolean",
        ),
        ('[targets.app]\nasgi = "a:b"\n[services.mail]\nroutes = []', 3, 1, "mail has no routes"),
        (
            '[targets.app]\nasgi = "a:b"\n[services.mial]\n[[services.mail.routes]]\nrequest = "GET /"',
            3,
            1,
            "mial has no routes, and no service of this name is bundled; did you mean 'mail'?",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[work.x]\ntable = "x"\ncrons = ["c"]\n[work.x.message]\nservice = "slack"\nmatch = { text = { contain = "a" } }',
            8,
            1,
            'text: write SQL, "phone", or what it must contain, { contains = "code" }',
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "to[" }',
            5,
            1,
            "'to[' is no JMESPath: ",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { text = "a" }',
            5,
            1,
            "a message has a recipient; say what it is: `to`",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", text = "b" }\nanswer = { body = { text = "{next} {name}", id = "{hexx}" } }',
            6,
            1,
            "nothing is filled in for {hexx}; did you mean {hex}?",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[work.x]\ntable = "x"\ncrons = ["c"]\n[work.x.message]\nservice = "mail"\nmatch = { to = "a" }',
            7,
            1,
            "there is no service 'mail'; one of: ghl, openphone, smtp, telegram, resend, sendgrid, slack, stripe, twilio",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[work.x]\ntable = "x"\ncrons = ["c"]\ncron = ["c"]',
            6,
            1,
            "unknown word 'cron'; did you mean 'crons'?",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[services.mail.errors]\nDeclined = { status = 402 }',
            7,
            1,
            "'Declined' is no name of an error; write for example `card-declined`",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[services.mail.errors]\ndies = { status = 402 }',
            7,
            1,
            "dies is the name of another fault; choose another one",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[services.mail.errors]\ndeclined = {}',
            7,
            1,
            "declined has no usual status; say which: `status = 402`",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[work.x]\ntable = "x"\ncrons = ["c"]\n[work.x.message]\nservice = "mail"\nmatch = { recipient = "a" }',
            11,
            1,
            "a message of mail has no field 'recipient'; it has to",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\n[work.x]\ntable = "x"\ncrons = ["c"]\n[work.x.message]\nservice = "mail"\nmatch = { to = "a" }',
            9,
            1,
            "mail has no message: say what in a request is one",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[services.mail.errors]\neach = { status = 402 }',
            7,
            1,
            "each is the name of another fault",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[services.mail.errors]\nno = { status = 402, body = { at = 2026-01-01 } }',
            7,
            1,
            "a body is JSON or a text: ",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[services.mail.errors]\nno = { status = 402, body = nan }',
            7,
            1,
            "a body is JSON or a text: ",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[services.mail.errors]\nno = { status = "402" }',
            7,
            1,
            "errors.no.status: input should be a valid integer",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\nanswer = { status = 422 }',
            6,
            1,
            "what answers 422 accepts nothing; how a service refuses stands under `errors`",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\nanswer = { headers = { content-length = "1" } }',
            6,
            1,
            "content-length is said by the stand-in itself",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\nanswer = { headers = { x = "a\\nb" } }',
            6,
            1,
            "x: a header has one line of Latin-1",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[[services.mail.routes]]\nrequest = "POST /x"',
            7,
            1,
            "POST /x is there twice",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[[services.mail.routes]]\nrequest = "POST /x"\nmessage = { to = "a", key = "k" }\n[[services.mail.routes]]\nrequest = "POST /{½}"',
            7,
            1,
            "{½} is no name of a part",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[services.mail]\nhosts = ["x.example"]\n[work.x]\ntable = "x"\ncrons = ["c"]\n[work.x.message]\nservice = "mail"\nmatch = { to = "a" }',
            3,
            1,
            "mail has no routes",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[targets.app.env]\nX = "{services.mail.uri}"',
            4,
            1,
            "there is no placeholder {services.mail.uri}; a service has {services.NAME.url}",
        ),
        (
            '[targets.app]\nasgi = "a:b"\n[services.mail]\nopenapi = "a\\u0000b"',
            4,
            1,
            "a path contains no NUL",
        ),
        ('[targets.app]\nrun = ["x", "{crn}"]', 2, 1, "there is no placeholder {crn}; did you mean 'cron'?"),
        ('[targets.app]\nrun = ["x"]\nready = "/"', 1, 1, "`ready` and `cron_secret` are about servers"),
        ('[targets.app]\nasgi = "my app"', 2, 1, "'my app' names no application; write `package.module:name`"),
        ('[targets.app]\nasgi = "a:b"\nrestart = true', 1, 1, "`restart`, `copy_cwd` and `ready` are about processes"),
        (
            '[targets.app]\nasgi = "a:b"\n[targets.app.env]\nX = "{supabase_url}"',
            1,
            1,
            "{supabase_url} has no value for an `asgi` application; give a `command` instead",
        ),
        ('[targets.app]\ncommand = ["x"]\npath = "/cron"', 1, 1, "`path` says where a cron is; it must contain {cron}"),
        ('[targets.app]\ncommand = ["{prt}"]', 2, 1, "there is no placeholder {prt}; did you mean 'port'?"),
        (
            '[targets.app]\ncommand = ["x"]\n[targets.app.env]\n  PORT = 80',
            4,
            3,
            "env.PORT: input should be a valid string",
        ),
        ('[targets.app]\ncommand = ["x"]\nready_timeout = -1', 3, 1, "ready_timeout: input should be greater than 0"),
    ],
)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(InvalidConfig) as invalid:
        config(tmp_path, text)

    (mistake, *_) = invalid.value.mistakes
    assert (mistake.line, mistake.column) == (line, column), mistake
    assert mistake.message.startswith(message), mistake


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read .*cronproof.toml: No such file or directory; `cronproof init`"):
        ConfigFile(tmp_path / "cronproof.toml")
