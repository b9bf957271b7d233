"""The page and its files, read once at start and served from memory, with what they must know of the settings."""

import functools
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from host.settings.buckets import bucket
from host.settings.settings import Settings
from web.access.parts import Web
from web.http.tally import tell_route
from web.metrics.families import PAGE

_FOLDER = Path(__file__).parent / "pages"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes(web: Web) -> list[Route]:
    """The routes of the page, its addresses relative to ROOT_PATH."""
    headers = {**_HEADERS, "Content-Security-Policy": _policy(web.settings)}
    said = {"{{base}}": f"{web.root_path}/", "{{upload_bytes_max}}": str(web.settings.upload_bytes_max)}
    return [_route(file, text, said, headers) for file, text in _files()]


@functools.cache
def _files() -> list[tuple[Path, str]]:
    """All files of the page, with their texts."""
    return [(file, file.read_text()) for file in sorted(_FOLDER.rglob("*")) if file.suffix in _TYPES]


def _policy(settings: Settings) -> str:
    """Pictures come from us; where web redirects to the bucket, from there as well: a browser judges redirects, too."""
    pictures = f"'self' data: {bucket(settings.blobs_url).origin}" if settings.blobs_redirect else "'self' data:"
    return f"default-src 'self'; img-src {pictures}; base-uri 'self'; frame-ancestors 'none'"


def _route(file: Path, text: str, said: Mapping[str, str], headers: Mapping[str, str]) -> Route:
    for name, value in said.items():
        text = text.replace(name, value)

    async def endpoint(request: Request) -> Response:
        tell_route(request.scope, PAGE)
        return Response(text, headers=headers, media_type=_TYPES[file.suffix])

    return Route("/" if file.name == "index.html" else f"/{file.relative_to(_FOLDER)}", endpoint)
