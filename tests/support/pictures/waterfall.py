"""A picture of spans: a bar for each over the time, a tick for each event, a dashed arrow for each link. Pure.

Spans are as OpenTelemetry's ConsoleSpanExporter prints them. Readable on a dark page and on a light one.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any

Span = dict[str, Any]
WIDTH, LEFT, RIGHT, ROW, BAR, HEAD = 860, 250, 110, 34, 14, 46
LETTER = 6.5
"""Width of a letter, nearly: names of events that would touch are above and below their bar by turns."""
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2937 } .dim { fill: #6b7280; font-size: 11px }
.page { fill: #ffffff } .line { stroke: #d1d5db } .link { stroke: #6b7280; fill: none; stroke-dasharray: 4 3 }
.web { fill: #2563eb } .worker { fill: #16a34a } .courier { fill: #c2410c } .tick { stroke: #1f2937 }
@media (prefers-color-scheme: dark) {
text { fill: #e5e7eb } .dim { fill: #9ca3af } .page { fill: #111827 } .line { stroke: #374151 }
.link { stroke: #9ca3af } .web { fill: #60a5fa } .worker { fill: #4ade80 } .courier { fill: #fb923c }
.tick { stroke: #e5e7eb } }
"""


def printed(output: str) -> list[Span]:
    """The spans in what processes printed, in the order of their starts; other lines are left out."""
    spans, decoder, at = [], json.JSONDecoder(), 0
    text = f"\n{output}"
    while (at := text.find("\n{\n", at)) >= 0:
        span, at = decoder.raw_decode(text, at + 1)
        spans.append(span)
    return sorted(spans, key=lambda span: str(span["start_time"]))


def role_of(span: Span) -> str:
    """The role that made it."""
    return str(span["resource"]["attributes"]["service.name"]).removeprefix("pixmill-")


def id_of(span: Span) -> str:
    """Its own id, without 0x."""
    return str(span["context"]["span_id"]).removeprefix("0x")


def trace_of(span: Span) -> str:
    """The id of its trace, without 0x."""
    return str(span["context"]["trace_id"]).removeprefix("0x")


def links_of(span: Span) -> list[str]:
    """The ids of the spans that it links to."""
    return [str(link["context"]["span_id"]).removeprefix("0x") for link in span["links"]]


def kind_of(span: Span) -> str:
    """As PRODUCER."""
    return str(span["kind"]).removeprefix("SpanKind.")


def seconds(text: str) -> float:
    """Wall seconds of a time as it is printed."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def waterfall(spans: Sequence[Span], title: str) -> str:
    """The picture, as SVG. `title`: for people who do not see it."""
    begin = min(seconds(span["start_time"]) for span in spans)
    end = max(seconds(span["end_time"]) for span in spans)
    traces = list(dict.fromkeys(map(trace_of, spans)))
    ordered = [span for trace in traces for span in spans if trace_of(span) == trace]
    height = HEAD + ROW * (len(ordered) + len(traces)) + 10
    scale = (WIDTH - LEFT - RIGHT) / (end - begin)
    body = [*_axis(end - begin, scale, height), *_rows(ordered, begin, scale)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="100%" height="100%"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _axis(length: float, scale: float, height: int) -> Iterator[str]:
    step = next(step for step in (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0) if length / step <= 10)
    for number in range(int(length / step) + 1):
        x = LEFT + number * step * scale
        yield f'<line class="line" x1="{x:.1f}" y1="28" x2="{x:.1f}" y2="{height - 10}"/>'
        yield f'<text class="dim" x="{x:.1f}" y="20" text-anchor="middle">{number * step * 1000:g} ms</text>'


def _rows(spans: Sequence[Span], begin: float, scale: float) -> Iterator[str]:
    y, trace, places = HEAD, "", dict[str, tuple[float, float]]()
    for span in spans:
        if trace_of(span) != trace:
            trace = trace_of(span)
            linked = ", linked to the one above" if any(each in places for each in links_of(span)) else ""
            yield f'<text class="dim" x="12" y="{y + 12}">trace {trace[:8]}…{linked}</text>'
            y += ROW
        start, width = _place(span, begin, scale)
        places[id_of(span)] = start, y + BAR
        yield from _row(span, start, width, y)
        yield from _ticks(span["events"], begin, scale, y)
        for each in links_of(span):
            if each in places:
                from_x, from_y = places[each]
                yield f'<path class="link" d="M{from_x + 3:.1f} {from_y} V{y + BAR / 2} H{start:.1f}"/>'
        y += ROW


def _place(span: Span, begin: float, scale: float) -> tuple[float, float]:
    """Where its bar begins, and how wide it is."""
    start, end = seconds(span["start_time"]), seconds(span["end_time"])
    return LEFT + (start - begin) * scale, max(2.0, (end - start) * scale)


def _row(span: Span, start: float, width: float, y: float) -> Iterator[str]:
    lasted = (seconds(span["end_time"]) - seconds(span["start_time"])) * 1000
    role, text = role_of(span), f"{span['name']} · {kind_of(span)}"
    yield f'<text x="24" y="{y + 12}">{escape(text)}</text>'
    yield f'<rect class="{role}" x="{start:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'
    yield f'<text class="dim" x="{start + width + 6:.1f}" y="{y + 11}">{role}, {lasted:.0f} ms</text>'


def _ticks(events: Sequence[Any], begin: float, scale: float, y: float) -> Iterator[str]:
    last, is_above = 0.0, True
    for event in events:
        x = LEFT + (seconds(event["timestamp"]) - begin) * scale
        name = str(event["attributes"]["pixmill.rendition.name"])
        touches = x - len(name) * LETTER < last
        is_above = not is_above if touches else True
        last = x
        yield f'<line class="tick" x1="{x:.1f}" y1="{y - 3}" x2="{x:.1f}" y2="{y + BAR + 3}"/>'
        text_y = y - 5 if is_above else y + BAR + 11
        yield f'<text class="dim" x="{x - 2:.1f}" y="{text_y}" text-anchor="end">{escape(name)}</text>'
