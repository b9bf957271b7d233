"""The first page and its two files, read once at start and served from memory."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.config import Web

_FOLDER = Path(__file__).parent / "pages"
_FILES = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes(web: Web) -> list[Route]:
    """The routes of the page, its addresses relative to ROOT_PATH."""
    return [_route(path, file, media_type, f"{web.root_path}/") for path, (file, media_type) in _FILES.items()]


def _route(path: str, file: str, media_type: str, base: str) -> Route:
    text = (_FOLDER / file).read_text().replace("{{base}}", base)

    async def endpoint(_request: Request) -> Response:
        return Response(text, headers=_HEADERS, media_type=media_type)

    return Route(path, endpoint)
