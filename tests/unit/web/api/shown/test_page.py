"""web/api/shown/page.py: the page shows what the document has, as text, and one can follow its structure."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

from web.api.document import Facts, document
from web.api.shown.page import page
from web.api.shown.shapes import kind, table, words
from web.routes import ROUTES

MADE = document(ROUTES, Facts("/", True, 1000))
TEXT, POLICY = page(MADE, "/")


class Seen(HTMLParser):
    """The elements of the page: which are open, the ids and the links, the levels of headings."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.levels: list[int] = []
        self.open: list[str] = []
        self.elements: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        given = dict(attrs)
        if name := given.get("id"):
            self.ids.append(name)
        if (to := given.get("href")) and to.startswith("#"):
            self.links.append(to[1:])
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def seen() -> Seen:
    found = Seen()
    found.feed(TEXT)
    assert found.open == []
    return found


def test_every_link_within_the_page_finds_its_place() -> None:
    found = seen()
    assert len(found.ids) == len(set(found.ids))
    assert set(found.links) <= set(found.ids)
    assert {"main", "nav", "header", "caption", "th"} <= found.elements
    assert found.elements.isdisjoint({"script", "img", "iframe", "form"})


def test_no_level_of_headings_is_left_out() -> None:
    levels = seen().levels
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_operation_code_and_schema_is_there() -> None:
    for path, methods in MADE["paths"].items():
        for method, told in methods.items():
            assert f'<section id="{told["operationId"]}"><h3>{method.upper()} {path}</h3>' in TEXT
    for name in MADE["components"]["schemas"]:
        assert f'<section id="schema-{name}">' in TEXT
    assert all(f"<code>{code}</code>" in TEXT for code in MADE["components"]["examples"])


def test_the_policy_allows_the_one_style_sheet_alone() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", TEXT, re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in POLICY
    assert " style=" not in TEXT


def test_words_are_text_whatever_they_hold() -> None:
    assert words("`a<b>` & **c** <script>") == "<code>a&lt;b&gt;</code> &amp; <strong>c</strong> &lt;script&gt;"


def test_a_type_is_told_with_its_bounds() -> None:
    assert kind({"type": "integer", "minimum": 1, "maximum": 5}) == "integer, at least 1, at most 5"
    assert kind({"type": ["string", "null"], "maxLength": 3}) == "string or null, at most 3"
    assert kind({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}) == (
        'list of <a href="#schema-Job">Job</a>'
    )
    pair = {"type": "array", "prefixItems": [{"type": "number"}] * 2, "items": False, "minItems": 2}
    assert kind(pair) == "list of number, at least 2"
    assert kind({"anyOf": [{"type": "null"}, {"enum": ["a", None]}]}) == "null or <code>a</code> or null"
    assert kind({"type": "object", "additionalProperties": {"type": "integer"}}) == "object, of integer each"


def test_a_table_without_rows_is_none() -> None:
    assert table("x", ("a",), []) == ""
