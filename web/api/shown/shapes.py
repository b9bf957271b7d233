"""Schemas as HTML: a type in words, and tables of fields. Pure."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any

_CODE = re.compile(r"`([^`]*)`")
_STRONG = re.compile(r"\*\*([^*]+)\*\*")


def words(text: str) -> str:
    """A sentence of the document as HTML: its code and its stress, all else as text."""
    return _STRONG.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", escape(text)))


def named(name: str) -> str:
    """A link to a schema."""
    return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'


def kind(schema: dict[str, Any]) -> str:
    """What a value is, with its bounds."""
    if "$ref" in schema:
        return named(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join("null" if each is None else f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(schema['const'])}</code>"
    return _typed(schema) + _bounds(schema)


def _typed(schema: dict[str, Any]) -> str:
    kinds = schema.get("type", "any JSON")
    if isinstance(kinds, list):
        return " or ".join(_typed({**schema, "type": each}) for each in kinds)
    if kinds == "array":
        first, *_ = schema.get("prefixItems") or [schema.get("items", {})]
        return f"list of {kind(first)}"
    if kinds == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object, of {kind(schema['additionalProperties'])} each"
    if schema.get("format") == "binary" and kinds == "string":
        return "bytes"
    return f"{kinds}, {escape(schema['format'])}" if "format" in schema and kinds == "string" else str(kinds)


_BOUNDS = {
    "minimum": "at least", "maximum": "at most", "minItems": "at least", "maxItems": "at most", "maxLength": "at most",
    "default": "by default",
}  # fmt: skip


def _bounds(schema: dict[str, Any]) -> str:
    found = [f"{said} {escape(str(schema[name]))}" for name, said in _BOUNDS.items() if name in schema]
    if pattern := schema.get("pattern"):
        found.append(f"<code>{escape(pattern)}</code>")
    return "".join(f", {each}" for each in found)


def table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table, of cells that are HTML; nothing, if it has no row."""
    if not rows:
        return ""
    top = "".join(f'<th scope="col">{head}</th>' for head in heads)
    lines = ("".join(f"<td>{cell}</td>" for cell in rest) for _, *rest in rows)
    firsts = (f'<th scope="row">{first}</th>' for first, *_ in rows)
    body = "".join(f"<tr>{first}{line}</tr>" for first, line in zip(firsts, lines, strict=True))
    inner = f"<table><caption>{caption}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return (
        f'<div class="frame" tabindex="0" role="region" aria-label="{re.sub("<[^>]*>", "", caption)}">{inner}</div>\n'
    )


def fields(name: str, schema: dict[str, Any]) -> str:
    """A schema that has a name, as a section."""
    needed = schema.get("required", ())
    rows = [
        (f"<code>{escape(each)}</code>", kind(inner), "" if each in needed else "may be left out",
         words(inner.get("description", "")))
        for each, inner in schema.get("properties", {}).items()
    ]  # fmt: skip
    told = table(f"Fields of {escape(name)}", ("field", "type", "", "meaning"), rows) or f"<p>{kind(schema)}</p>"
    about = f"<p>{words(schema['description'])}</p>" if "description" in schema else ""
    return f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>{about}{told}</section>\n'
