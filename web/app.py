"""The ASGI application of one web process, put together: routes, page, guard, problem documents."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from host.settings.settings import cors_origins, trusted_proxies
from web.access.guard import Guard
from web.access.parts import Web
from web.http.problems import HANDLERS
from web.http.proxies import Proxied
from web.metrics.requests import Counted
from web.page import page_routes
from web.routes import ROUTES

_EXPOSED = (
    "Accept-Ranges",
    "Allow",
    "Content-Range",
    "Location",
    "ETag",
    "Repr-Digest",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "Preference-Applied",
    "Content-Disposition",
    "WWW-Authenticate",
    "Server-Timing",
)


def build(web: Web) -> ASGIApp:
    """The application over `web`, which the routes find in its state."""
    proxies = trusted_proxies(web.settings)
    middleware = [Middleware(Proxied, proxies)] if proxies else []
    middleware.append(Middleware(Guard, web))
    if web.settings.cors_origins:
        origins = cors_origins(web.settings)
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=("*",),
                expose_headers=_EXPOSED,
            )
        )
    app = Starlette(routes=[*ROUTES, *page_routes(web)], middleware=middleware, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False  # DELETE /jobs/ must never become DELETE /jobs
    app.state.web = web
    return app if web.counts is None else Counted(app, web.counts)
