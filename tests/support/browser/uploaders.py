"""Makes the pictures of docs/browsers.md, one for each way to upload: `python -m tests.support.browser.uploaders`.

Each shows what the person sees in six cases. Needs Chromium, and npm for the libraries.
"""

import base64
import html
import io
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import sync_playwright

import pixmill
from jobs.access.keys import Scope, entry_of
from tests.support.browser.shop import FILES, FORM, Shop, choose, lay_out
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.house.npm import packages

FOLDER = ROOT / "docs" / "browsers"
SAMPLE, TEXT = ROOT / "test-data" / "sample.jpg", ROOT / "LICENSE"
SIZE, TALL = {"width": 480, "height": 320}, {"width": 480, "height": 700}
"""TALL is for Uppy's dashboard."""
BYTES_MAX = 60_000
SETTLE_MS = 1500
LOST_MS = 15_000
"""Uppy tries four times before it says so."""
SHEET = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; width: 960px; font: 15px system-ui, sans-serif; background: #fff; }
main { display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px; padding: 10px; }
figure { margin: 0; border: 1px solid #c4c8cf; border-radius: 6px; overflow: hidden; }
figcaption { padding: 6px 8px; background: #f2f4f7; font-weight: 600; }
img { display: block; width: 100%; }
</style><main>"""


class Case(NamedTuple):
    """`words`: what the person reads at last, as a part of the page's text; empty for the browser's own page."""

    caption: str
    words: str
    file: Path = SAMPLE
    grant: bool = True
    keys: bool = True
    spent: bool = False
    lost: bool = False


CASES = (
    Case("With a grant", "Ready."),
    Case("No keys, no grant", "Ready.", grant=False, keys=False),
    Case("No image", "this is text", TEXT),
    Case("A used-up grant", "0 uses left", spent=True),
    Case("No grant, but keys are on", "key", grant=False),
    Case("The connection is lost", "connection", lost=True),
)


class Server(NamedTuple):
    """A cluster with keys, one without, the shop, and where the libraries are."""

    keyed: Cluster
    plain: Cluster
    shop: Shop
    libraries: Path

    def grant(self, count: int) -> str:
        """A grant for so many images of the shop."""
        secret = (self.keyed.data / "grant.secret").read_bytes()
        until = time.time() + 300
        return pixmill.grant(
            secret, tenant="acme", origin=self.shop.origin, preset="avatar", expires_at=until, count=count
        )


def shown(server: Server, browser: Any, name: str, case: Case) -> bytes:
    """A picture of what the person sees. Raises TimeoutError if they do not read it."""
    context = browser.new_context(viewport=TALL if name == "Uppy" else SIZE)
    page, grant = context.new_page(), server.grant(1) if case.grant else ""
    page.set_default_timeout(30_000)
    url = (server.keyed if case.keys else server.plain).url
    if case.spent:
        page.goto(lay_out(server.shop, url, "fetch", grant, server.libraries))
        choose(page, "fetch", SAMPLE)
        page.get_by_text("Ready.").wait_for()
    page.goto(lay_out(server.shop, url, name, grant, server.libraries))
    context.set_offline(case.lost)
    choose(page, name, case.file)
    if case.lost:
        page.wait_for_timeout(LOST_MS if name == "Uppy" else SETTLE_MS)
    else:
        page.get_by_text("Thank you." if name == FORM and case.words == "Ready." else case.words).first.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    page.evaluate("scrollTo(0, 0)")
    picture: bytes = page.screenshot()
    context.close()
    return picture


def sheet(browser: Any, pictures: list[tuple[str, bytes]]) -> bytes:
    """These pictures under their captions, as one WebP."""
    page = browser.new_page(viewport={"width": 960, "height": 400})
    figures = "".join(
        f"<figure><figcaption>{html.escape(caption)}</figcaption>"
        f'<img src="data:image/png;base64,{base64.b64encode(picture).decode()}"></figure>'
        for caption, picture in pictures
    )
    page.set_content(SHEET + figures)
    stream = io.BytesIO()
    Image.open(io.BytesIO(page.screenshot(full_page=True))).save(stream, "WebP", quality=75, method=6)
    page.close()
    return stream.getvalue()


def main() -> None:
    """Make them."""
    FOLDER.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with ExitStack() as stack:
        shop = stack.enter_context(Shop())
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3)]
        keyed = Cluster(folders[0], api_keys=entry_of("acme", Scope.WRITE, "w"), cors_origins=shop.origin)
        plain = Cluster(folders[1], cors_origins=shop.origin)
        for cluster in (keyed, plain):
            stack.callback(cluster.stop)
            cluster.start()
        server = Server(keyed, plain, shop, packages(ROOT / "tests" / "browser" / "uploaders", folders[2]))
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium)
        for name in (FORM, *FILES):
            made = sheet(browser, [(case.caption, shown(server, browser, name, case)) for case in CASES])
            assert len(made) < BYTES_MAX, f"{name}: {len(made)} bytes"
            (FOLDER / f"{name.lower().split()[-1]}.webp").write_bytes(made)
        browser.close()


if __name__ == "__main__":
    main()
