"""The docs say what the code says: diagram, settings, routes, commands, messages, links."""

import dataclasses
import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from host.settings.described import ALL, DESCRIBED, MAIN
from host.settings.settings import Settings
from jobs import wire
from jobs.job import Code, State
from jobs.recipes.keys import AskedRendition
from pixmill.core.answers import Job
from pixmill.words import program
from stores.ledger import sqlite
from stores.ledger.postgres import schema
from tests.support.house import docs
from tests.support.house.docs import ROOT
from web.api.codes import CODES, ENDS, STATES
from web.api.told import ROUTES as TOLD
from web.api.told import codes_of, name_of
from web.http.problems import STATUS, status_of
from web.routes import ROUTES
from web.views import shapes
from worker.images.operations import AFTER_RESIZE

RECIPES = (ROOT / "docs" / "recipes.md").read_text()
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/accessibility.md",
    "docs/architecture.md",
    "docs/command.md",
    "docs/comparison.md",
    "docs/browsers.md",
    "docs/containers.md",
    "docs/faq.md",
    "docs/glossary.md",
    "docs/http.md",
    "docs/machines.md",
    "docs/nginx.md",
    "docs/operations.md",
    "docs/performance.md",
    "docs/protocol.md",
    "docs/python.md",
    "docs/recipes.md",
    "docs/release.md",
    "docs/reliability.md",
    "docs/security.md",
    "docs/server.md",
    "docs/settings.md",
    "docs/traces.md",
]


MAKE = "run python -m tests.support.house.docs"
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def section(page: str, heading: str) -> str:
    """The text of a page of docs/ under `## heading`."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def shown(default: object) -> str:
    """A setting's default as one would write it into the environment."""
    if isinstance(default, bool):
        return str(int(default))
    return str(int(default)) if isinstance(default, float) and default.is_integer() else str(default)


@pytest.mark.parametrize("page", docs.PARTS)
def test_what_is_made_of_code_is_as_the_code_is(page: Path) -> None:
    text = page.read_text()
    assert text == docs.with_parts(page), MAKE
    assert all(made() in text for _, made in docs.PARTS[page].values())


def test_every_setting_is_described_in_the_order_of_the_settings() -> None:
    settings = [field.name for field in msgspec.structs.fields(Settings)]
    assert list(DESCRIBED) == settings, "describe it in host/settings/described.py, in the order of the settings"
    assert set(MAIN) < set(DESCRIBED)
    assert all(each.text.endswith((".", ".)")) for each in DESCRIBED.values())


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    page = section("settings", "All")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\|", page, re.MULTILINE)
    settings = [(field.name.upper(), shown(field.default)) for field in msgspec.structs.fields(Settings)]
    assert rows == settings, MAKE
    assert "| `PORT` | `3000` | | 0 to 65535 | web, supervisor |" in page


@pytest.mark.parametrize("role", ALL)
def test_a_role_reads_the_settings_that_the_page_says(role: str) -> None:
    """Those that it names itself. host/ and stores/ read others for it."""
    sources = "".join(path.read_text() for path in (ROOT / role).rglob("*.py"))
    named = set(re.findall(r"settings\.([a-z_]+)", sources)) & set(DESCRIBED)
    assert named
    untold = {name for name in named if role not in DESCRIBED[name].roles}
    assert untold == set(), f"name {role} among their roles in host/settings/described.py, then {MAKE}"


def test_the_routes_table_is_the_routes() -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/[^`]*)` \|", docs.HTTP.read_text(), re.MULTILINE)
    served = [(method, route.path) for route in ROUTES for method in route.methods or () if method != "HEAD"]
    told = [f"{method} {path}" for method, path in served]
    assert list(TOLD) == told, (
        "tell of each route in web/api/of_jobs.py or of_service.py, in the order of web/routes.py"
    )
    assert sorted(rows) == sorted(served), MAKE


def test_the_page_of_http_has_every_code_field_and_state() -> None:
    """The unit tests of web hold every answer to the page (tests/support/api/http.py)."""
    named = {code for route in ROUTES for code in codes_of(name_of(route), route.needs)}
    listed = {code for codes in STATUS.values() for code in codes}
    assert listed - set(CODES) == set(), "say what each code means in web/api/codes.py"
    assert set(CODES) - named == {"frames_over_limit"}, "name each code at a route that answers it (web/api)"
    assert {status_of(code) for code in set(CODES) - listed} == {503}
    assert list(ENDS) == list(Code), "say what each code of an end means: ENDS of web/api/codes.py"
    assert list(STATES) == list(State), "say what each state means: STATES of web/api/codes.py"
    known = {field.name for field in dataclasses.fields(Job)} - {"raw"}
    told = set(shapes.Job.__struct_fields__) - {"ignored"}
    assert told == known, "a field of a job is in web/views/shapes.py, and in Job of pixmill/core/answers.py"


def test_the_changelog_has_the_numbers_of_the_ledger_s_schema() -> None:
    """By them an operator sees whether a release can be put back."""
    newest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    assert f"The ledger's schema is {sqlite.SCHEMA} in SQLite, and {schema.SCHEMA} in PostgreSQL." in newest


def test_the_glossary_is_in_the_order_of_the_alphabet() -> None:
    words = re.findall(r"^\| ([\w ]+) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)[1:]
    assert len(words) > 30
    assert words == sorted(set(words))


def test_images_a_second_are_of_the_measured_times() -> None:
    """The first table of the page of performance is made of its other tables."""
    page = (ROOT / "docs" / "performance.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| ([\d.]+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    spent = {
        name: float(ms) for name, ms in re.findall(r"^\| (.+?) \| ([\d.]+) \([\d.]+, \d+\) \|", page, re.MULTILINE)
    }
    form, backlog = re.findall(r"^\| (?:upload by form|from a backlog.*?) \| .* \| ([\d.]+) \|$", page, re.MULTILINE)
    assert len(rows) > 4
    for name, ms, uploaded, drained in rows:
        assert spent[name] == float(ms)
        assert int(uploaded) == int(1000 / (float(ms) + float(form)))
        assert int(drained) == int(1000 / (float(ms) + float(backlog)))


def test_the_readme_is_short() -> None:
    """It had 5,095 words once, and few read them."""
    assert len((ROOT / "README.md").read_text().split()) < 2000


def test_the_readme_says_how_to_choose_a_port_and_names_settings_alone() -> None:
    readme = (ROOT / "README.md").read_text()
    start = readme.partition("## Start it")[2].partition("From a wheel")[0]
    assert re.search(r"`PIXMILL_PORT=\d+ make run-all`", start), "PORT=4000 is ignored: say the whole name"
    named = set(re.findall(r"PIXMILL_([A-Z_]+)", readme)) - {"URL"}
    assert named - {name.upper() for name in DESCRIBED} == set()


def test_the_table_of_recipes_has_every_key_once() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section("recipes", "All keys"), re.MULTILINE)
    keys = [key for row in rows for key in re.findall(r"\w+", row)]
    known = sorted(field.name for field in msgspec.structs.fields(AskedRendition))
    assert sorted(keys) == known, "docs/recipes.md, `All keys`: give each key of jobs/recipes/keys.py one row"


def test_the_page_of_recipes_has_the_order_of_the_operations() -> None:
    """Its words before `resize` are geometry, as the plan has it: turn, tilt and pad carry that out."""
    order = re.search(r"always done in this order: (.*?)\.", RECIPES, re.DOTALL)
    assert order
    pixels = " ".join(order[1].split()).partition("resize, ")[2]
    names = [operation.__name__ for operation in AFTER_RESIZE]
    told = [name for name in names if name not in ("turn", "tilt", "pad")]
    assert pixels.split(", ") == told, (
        "docs/recipes.md, `always done in this order`: name them as AFTER_RESIZE has them"
    )


def test_the_commands_table_has_every_target_of_the_makefile() -> None:
    rows = re.findall(r"`make ([a-z-]+)`", section("server", "All commands"))
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    assert set(rows) == set(declared[1].split()), (
        "docs/server.md, `All commands`: give each target of the Makefile a row"
    )


def test_make_help_has_every_target_of_the_makefile_with_a_sentence() -> None:
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    told = dict(re.findall(r"^make ([a-z-]+) +([A-Z].*\.)$", said, re.MULTILINE))
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    said_of = "write a sentence, `# Does this.`, above each target of the Makefile, and name it in .PHONY"
    assert set(told) == set(declared[1].split()), said_of


def test_the_page_of_the_command_has_every_word_and_every_option_of_an_upload() -> None:
    page = (ROOT / "docs" / "command.md").read_text()
    assert set(re.findall(r"`pixmill ([a-z]+)", page)) >= set(program.commands)
    named = set(re.findall(r"(?<!-)--[a-z][a-z-]+", page))
    asked = {name for command in ("upload", "jobs", "drill", "explain") for name in options(command)}
    assert asked - named == set(), "tell of these options in docs/command.md"
    assert named - {name for command in program.commands for name in options(command)} == {"--help"}


def options(command: str) -> set[str]:
    """The long options of a command of the client."""
    return {name for each in program.commands[command].params for name in each.opts if name.startswith("--")}


def test_the_commands_and_settings_of_the_operations_page_are_there() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", page, re.MULTILINE)) <= set(declared[1].split())
    named = re.findall(r"`((?:PIXMILL_)?[A-Z]+(?:_[A-Z]+)*)`", page)
    settings = {name.removeprefix("PIXMILL_").removesuffix("_FILE") for name in named if "_" in name}
    assert settings
    assert settings - {name.upper() for name in DESCRIBED} - {"NAME"} == set()
    asked = {re.sub(r"\?.*", "", path) for path in re.findall(r"http://localhost:3000(/[\w/?]+)", page)}
    assert asked
    assert {path.replace("INCARNATION", "{incarnation}") for path in asked} <= {route.path for route in ROUTES}


@pytest.mark.parametrize("page", ["security", "reliability", "operations"])
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / f"{page}.md").read_text()))
    written = set(re.findall(r"^def (test_\w+)", "".join(path.read_text() for path in TESTS), re.MULTILINE))
    assert named
    assert named - written == set(), f"docs/{page}.md names tests that are not there: name those that took their places"


def test_the_protocol_has_every_message_with_its_fields() -> None:
    headings = re.findall(r"^### (\w+)\((.*)\)$", PROTOCOL, re.MULTILINE)
    types = [
        kind
        for kind in vars(wire).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__.startswith("jobs.wire.")
    ]
    messages = {
        kind.__name__: ", ".join(kind.__struct_fields__)
        for kind in types
        if kind is not wire.Message and kind.__name__[0] != "_"
    }
    assert len(headings) == len(dict(headings))
    assert dict(headings) == messages, "docs/protocol.md: give each message a heading, ### Name(field, field)"
    assert f"Version {wire.VERSION}." in PROTOCOL


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    """Links, and the paths in backquotes that look like files or folders of the tree."""
    text = (ROOT / page).read_text()
    links = [ROOT / Path(page).parent / link for link in re.findall(r"\]\((?!http)([^)#]+)\)", text)]
    folders = "bench|broker|deploy|docs|host|jobs|pixmill|stores|supervisor|test-data|tests|torture|web|worker"
    named = [ROOT / name for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", text)]
    gone = [str(path.relative_to(ROOT)) for path in links + named if not path.exists()]
    assert gone == [], f"{page} names what is not there: name what took its place"


def heading_links(page: Path) -> set[str]:
    """What a link to each heading of a page ends with, as GitHub makes it: lower case, no marks, hyphens for spaces."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_a_link_to_a_heading_finds_it(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", path.read_text())
    dead = [link for link in links if link[1] not in heading_links(path.parent / link[0] if link[0] else path)]
    assert dead == []
