"""The ASGI application of one web process, put together: routes, page, guard, problem documents."""

from typing import Any, cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from host.settings.settings import cors_origins, trusted_proxies
from web.access.guard import Guard
from web.access.log import AccessLog
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
    "X-Request-ID",
)


def build(web: Web) -> ASGIApp:
    """The application over `web`, in the layers that see every answer: proxies, log, counts."""
    app: ASGIApp = application(web)
    if web.counts is not None:
        app = Counted(app, web.counts)
    app = AccessLog(app, web.log, web.settings.access_log)
    proxies = trusted_proxies(web.settings)
    return cast(ASGIApp, Proxied(cast(Any, app), proxies)) if proxies else app


def application(web: Web) -> Starlette:
    """The routes over `web`, which they find in its state, and what judges each request before them."""
    middleware = [Middleware(Guard, web)]
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
    return app
