"""/docs: the document as one HTML page, for people. Pure: the document in, HTML and its policy out.

Everything is in the text of the page. There is no script, and its one style sheet is inline, so no other host and no
second request is needed. It is read by headings, lists and tables with heads; wide tables scroll by keyboard.
"""

import base64
import hashlib
import json
from html import escape
from typing import Any

from web.api.shown.shapes import fields, kind, table, words

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: light-dark(#c4c8cf, #4a4f58);
  --soft: light-dark(#f2f4f7, #22252b); --blue: light-dark(#0b57d0, #8ab4f8); }
body { margin: 0 auto; max-width: 68rem; padding: 0 1rem 3rem; background: light-dark(#fff, #16181c);
  color: light-dark(#1b1e23, #e8eaee); overflow-wrap: anywhere; }
a { color: var(--blue); }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; padding: .5rem 1rem; background: light-dark(#fff, #16181c); }
.skip:focus { left: 0; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin-top: 2.5rem; }
code, pre { font-size: .9em; background: var(--soft); border-radius: .2rem; padding: 0 .2em; }
pre { padding: .5rem; overflow-x: auto; }
nav ul { columns: 20rem; }
.frame { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line); }
th[scope=row] { font-weight: 400; white-space: nowrap; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page(document: dict[str, Any], base: str) -> tuple[str, str]:
    """The page, and its Content-Security-Policy. `base`: the path of the server's own page."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for each in operations:
        by_tag.setdefault(each[2]["tags"][0], []).append(each)
    schemas = document["components"]["schemas"]
    parts = [
        *(_tag(tag, found) for tag, found in by_tag.items()),
        '<h2 id="webhooks">Webhooks</h2>\n',
        *(_webhook(name, told["post"]) for name, told in document["webhooks"].items()),
        '<h2 id="errors">Codes of errors</h2>\n',
        _codes(document["components"]["examples"]),
        '<h2 id="schemas">Schemas</h2>\n',
        *(fields(name, schema) for name, schema in schemas.items()),
    ]
    return _whole(document, base, _contents(by_tag), "".join(parts)), _POLICY


def _whole(document: dict[str, Any], base: str, contents: str, main: str) -> str:
    info = document["info"]
    about = "".join(f"<p>{words(part)}</p>" for part in info["description"].split("\n\n"))
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>The API of pixmill</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<style>{_STYLE}</style>\n"
        '<a class="skip" href="#content">Skip to the content</a>\n'
        f"<header><h1>The API of pixmill</h1>{about}"
        f'<p><a href="{escape(base)}">The page of uploads</a>, <a href="{escape(base)}openapi.json">the same as '
        f"OpenAPI 3.1</a>. Paths follow <code>{escape(document['servers'][0]['url'])}</code>.</p></header>\n"
        f'<nav aria-label="Contents">{contents}</nav>\n<main id="content">\n{main}</main>\n</html>\n'
    )


def _contents(by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]]) -> str:
    lines = [
        f'<li><a href="#{escape(operation["operationId"])}">{method} {escape(path)}</a></li>'
        for found in by_tag.values()
        for method, path, operation in found
    ]
    rest = [("webhooks", "Webhooks"), ("errors", "Codes of errors"), ("schemas", "Schemas")]
    lines += [f'<li><a href="#{name}">{title}</a></li>' for name, title in rest]
    return f"<ul>{''.join(lines)}</ul>"


def _tag(tag: str, operations: list[tuple[str, str, dict[str, Any]]]) -> str:
    return f"<h2>{escape(tag)}</h2>\n" + "".join(_operation(*each) for each in operations)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    name = operation["operationId"]
    return (
        f'<section id="{escape(name)}"><h3>{method} {escape(path)}</h3>\n<p>{words(operation["description"])}</p>\n'
        f"<p>{_needs(operation['security'])}</p>\n"
        + _parameters(f"Parameters of {method} {escape(path)}", operation["parameters"])
        + _body(operation.get("requestBody"))
        + _answers(f"Answers of {method} {escape(path)}", operation["responses"])
        + "</section>\n"
    )


def _needs(security: list[dict[str, list[str]]]) -> str:
    ways = [
        f"{name} with <code>{roles[0]}</code>" if roles else name for way in security for name, roles in way.items()
    ]
    if not security or {} in security:
        return "Needs no key" + (f", or {' or '.join(ways)}." if ways else ".")
    return f"Needs a {' or a '.join(ways)}."


def _parameters(caption: str, parameters: list[dict[str, Any]]) -> str:
    rows = [
        (f"<code>{escape(each['name'])}</code>", each["in"], _kind(each), words(each["description"]))
        for each in parameters
    ]
    return table(caption, ("name", "in", "type", "meaning"), rows)


def _kind(parameter: dict[str, Any]) -> str:
    if "content" in parameter:
        return "JSON: " + kind(parameter["content"]["application/json"]["schema"])
    return kind(parameter["schema"])


def _body(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    told = f"<p>Body: {words(body['description'])}</p>\n"
    by_kind: dict[str, list[str]] = {}
    for media, content in body["content"].items():
        if "properties" in content["schema"]:
            told += _form(media, content["schema"])
        else:
            by_kind.setdefault(kind(content["schema"]), []).append(f"<code>{escape(media)}</code>")
            told += _examples(content.get("examples", {}))
    lines = [f"<li>{', '.join(media)}: {shown}</li>" for shown, media in by_kind.items()]
    return f"{told}<ul>{''.join(lines)}</ul>\n" if lines else told


def _form(media: str, schema: dict[str, Any]) -> str:
    rows = [
        (f"<code>{escape(name)}</code>", kind(field), words(field.get("description", "")))
        for name, field in schema["properties"].items()
    ]
    return table(f"Parts of <code>{escape(media)}</code>", ("part", "type", "meaning"), rows)


def _answers(caption: str, responses: dict[str, Any]) -> str:
    rows = [
        (status, words(each["description"]), _shapes(each.get("content", {})),
         ", ".join(f"<code>{escape(name)}</code>" for name in each.get("headers", {})))
        for status, each in responses.items()
    ]  # fmt: skip
    told = table(caption, ("status", "meaning", "body", "headers"), rows)
    examples = {
        f"{status}": {"value": content["example"]}
        for status, each in responses.items()
        for content in each.get("content", {}).values()
        if "example" in content
    }
    return told + _examples(examples)


def _shapes(content: dict[str, Any]) -> str:
    shown = dict.fromkeys(kind(each["schema"]) for each in content.values())
    return " or ".join(shown)


def _examples(examples: dict[str, Any]) -> str:
    return "".join(
        f'<p>Example, {escape(name)}:</p>\n<pre tabindex="0">{escape(json.dumps(each["value"], indent=1))}</pre>\n'
        for name, each in examples.items()
    )


def _webhook(name: str, operation: dict[str, Any]) -> str:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return (
        f"<section><h3>{escape(name)}</h3><p>{words(operation['description'])} Its <code>data</code> is "
        f"{kind(schema['properties']['data'])}.</p>"
        + _parameters(f"Headers of {escape(name)}", operation["parameters"])
        + "</section>\n"
    )


def _codes(examples: dict[str, Any]) -> str:
    rows = [
        (str(each["value"]["status"]), f"<code>{escape(code)}</code>", words(each["summary"]))
        for code, each in sorted(examples.items(), key=lambda item: item[1]["value"]["status"])
    ]
    return table("Codes", ("status", "code", "meaning"), rows)
