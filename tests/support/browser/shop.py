"""Someone's site whose page uploads to pixmill, in each of the ways of docs/browsers.md.

The blocks of code are taken from that page. Knows no test and no picture.
"""

import html
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

from tests.support.clusters.cluster import ROOT

PAGE = (ROOT / "docs" / "browsers.md").read_text()
FORM = "A plain form"
FILES = {
    "fetch": ("", '<input id="file" type="file">'),
    "XHR": ("", '<input id="file" type="file">'),
    "Uppy": ("uppy/dist/uppy.min", '<div id="uploader"></div>'),
    "FilePond": ("filepond/dist/filepond.min", '<input id="uploader" type="file">'),
    "Dropzone": ("dropzone/dist/dropzone", '<div id="uploader" class="dropzone"></div>'),
}
"""The ways that need a script: the library's file, without its ending, and the element that it takes."""
SCRIPTS = {"Dropzone": "dropzone/dist/dropzone-min"}
"""The library's script, if it has another name than its style."""
SAY = """const say = (text) => { said.textContent = text; };
const show = (url) => { picture.src = url; };
"""
BODY = (
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
    "<style>body { font: 16px system-ui, sans-serif; } #picture { max-height: 90px; }</style>"
    '<p id="said"></p><img id="picture">'
)
CHOOSE = {
    "Uppy": ".uppy-Dashboard-input >> nth=0",
    "FilePond": ".filepond--browser",
    "Dropzone": ".dz-hidden-input",
    "fetch": "#file",
    "XHR": "#file",
}
AT_FILE = {"FilePond": ".filepond--file-status", "Dropzone": ".dz-error-message"}
"""Where a library says it at the file, too."""
NO_CONNECTION = dict.fromkeys(FILES, "No connection.") | {"Uppy": "This looks like a network error"}


def block(heading: str, language: str = "js") -> str:
    """The first block of code of a part of the page."""
    return blocks(heading, language)[0]


def blocks(heading: str, language: str = "js") -> list[str]:
    """All blocks of code of a part of the page."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0] if heading else PAGE.split("\n## ")[0]
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)
    return found


TYPES = {".js": "text/javascript", ".css": "text/css"}


class Shop:
    """Someone's site, for as long as the context lasts. `pages`: the content by path."""

    def __init__(self) -> None:
        pages: dict[str, bytes] = {}
        self.pages = pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                self.send_response(200)
                self.send_header("Content-Type", TYPES.get(Path(path).suffix, "text/html"))
                self.end_headers()
                self.wfile.write(pages.get(path, b""))

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self.server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def lay_out(shop: Shop, url: str, name: str, grant: str, libraries: Path) -> str:
    """The shop's page for one way to upload to pixmill at `url`; without a grant, if that is empty. Returns its
    address."""
    if name == FORM:
        return _lay_out_form(shop, url, grant)
    library, element = FILES[name]
    script = f"const grant = {grant!r};\n{SAY}" + block("") + block(name).replace("https://pix.example", url)
    if not library:
        script += "file.onchange = () => send(file.files[0]);"
    loaded = ""
    for file in (f"{SCRIPTS.get(name, library)}.js", f"{library}.css") if library else ():
        shop.pages[f"/{file}"] = (libraries / file).read_bytes()
        loaded += (
            f'<script src="/{file}"></script>' if file.endswith(".js") else f'<link rel="stylesheet" href="/{file}">'
        )
    off = "<script>Dropzone.autoDiscover = false;</script>" if name == "Dropzone" else ""
    shop.pages[f"/{name}"] = f"{BODY}{element}{loaded}{off}<script>{script}</script>".encode()
    return f"{shop.origin}/{name}"


def _lay_out_form(shop: Shop, url: str, grant: str) -> str:
    written = block(FORM, "html").replace("https://pix.example", url).replace("https://shop.example", shop.origin)
    address = written.replace("GRANT", html.escape(grant)) if grant else written.replace("?grant=GRANT", "")
    shop.pages["/thanks"] = f"{BODY}<script>{SAY}{block(FORM)}</script>".encode()
    shop.pages["/form"] = f"{BODY}{address}".encode()
    return f"{shop.origin}/form"


def choose(page: Any, name: str, file: Path) -> None:
    """Choose the file, and send it if it is not sent by itself."""
    if name == FORM:
        page.set_input_files("input[type=file]", file)
        page.get_by_role("button", name="Send").click()
        return
    page.set_input_files(CHOOSE[name], file)
    if name == "Uppy":
        page.locator(".uppy-StatusBar-actionBtn--upload").click()


def told(page: Any, name: str, words: str) -> None:
    """Wait until the person reads these words, and at the file, too, if the library has a place there."""
    for place in filter(None, ("#said", AT_FILE.get(name))):
        shown = page.locator(place, has_text=re.compile(re.escape(words), re.IGNORECASE)).first
        shown.wait_for(timeout=20_000, state="visible" if place == "#said" else "attached")
