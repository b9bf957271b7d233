"""The page and its files, read once at start and served from memory."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.access.parts import Web

_FOLDER = Path(__file__).parent / "pages"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes(web: Web) -> list[Route]:
    """The routes of the page, its addresses relative to ROOT_PATH."""
    return [_route(file, f"{web.root_path}/") for file in sorted(_FOLDER.iterdir()) if file.suffix in _TYPES]


def _route(file: Path, base: str) -> Route:
    text = file.read_text().replace("{{base}}", base)

    async def endpoint(_request: Request) -> Response:
        return Response(text, headers=_HEADERS, media_type=_TYPES[file.suffix])

    return Route("/" if file.name == "index.html" else f"/{file.name}", endpoint)
