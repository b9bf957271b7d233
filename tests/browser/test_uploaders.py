"""docs/browsers.md in a real browser: each of its blocks, with the libraries as released, and what the person sees.

The libraries come by npm, by the hashes of uploaders/package-lock.json. The blocks are taken from the page itself.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pixmill
from jobs.access.keys import Scope, entry_of
from tests.support.browser.shop import BODY, FILES, FORM, NO_CONNECTION, Shop, block, blocks, choose, lay_out, told
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.house.npm import packages

pytestmark = pytest.mark.cluster
PACKAGES = Path(__file__).parent / "uploaders"
SAMPLE, DAMAGED, TEXT = ROOT / "test-data" / "sample.jpg", ROOT / "test-data" / "truncated.jpg", ROOT / "LICENSE"
NO_IMAGE = "this is text, which is not read here"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages(PACKAGES, tmp_path_factory.mktemp("uploaders"))


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Shop, Callable[..., str]]]:
    """A cluster with keys, a shop, and a function that signs grants for it."""
    with Shop() as shop:
        keys = entry_of("acme", Scope.WRITE, "w")
        cluster = Cluster(tmp_path_factory.mktemp("ways"), api_keys=keys, cors_origins=shop.origin).start()
        secret = (cluster.data / "grant.secret").read_bytes()

        def grant(count: int = 1) -> str:
            until = time.time() + 300
            return pixmill.grant(
                secret, tenant="acme", origin=shop.origin, preset="avatar", expires_at=until, count=count
            )

        yield cluster, shop, grant
        cluster.stop()


@pytest.mark.parametrize("name", FILES)
def test_each_way_to_upload(
    ways: tuple[Cluster, Shop, Callable[..., str]], browser: Any, libraries: Path, name: str
) -> None:
    cluster, shop, sign = ways
    context = browser.new_context()
    page, grant = context.new_page(), sign(2)

    def fresh(used: str) -> None:
        page.goto(lay_out(shop, cluster.url, name, used, libraries))

    fresh(grant)
    choose(page, name, SAMPLE)
    page.locator("#said", has_text="Ready.").wait_for(timeout=20_000)
    page.wait_for_function("picture.naturalWidth > 0")
    for file, used, words in (
        (TEXT, grant, NO_IMAGE),
        (DAMAGED, grant, "Sorry: "),
        (SAMPLE, grant, "the grant has 0 uses left"),
        (SAMPLE, "", "there is no such key"),
    ):
        fresh(used)
        choose(page, name, file)
        if file is DAMAGED:
            page.locator("#said", has_text=words).wait_for(timeout=20_000)
        else:
            told(page, name, words)
    fresh(sign())
    context.set_offline(True)
    choose(page, name, SAMPLE)
    told(page, name, NO_CONNECTION[name])
    context.close()


def test_the_example_of_the_readme(ways: tuple[Cluster, Shop, Callable[..., str]], browser: Any) -> None:
    """Its server's part signs the grant, and its page hears a refusal and a failed job."""
    cluster, shop, _ = ways
    section = (ROOT / "README.md").read_text().partition("**From a page of yours.**")[2]
    server, script = re.findall(r"^```(?:python|js)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(server.replace('"uploads/grant.secret"', repr(str(cluster.data / "grant.secret"))), names)
    page = browser.new_page()
    tried = f"try {{ {script} }} catch (error) {{ note.textContent = error.message; }}"
    chosen = (
        f"const grant = {names['grant']!r}; chosen.onchange = async () => {{ const file = chosen.files[0]; {tried} }};"
    )
    body = BODY.replace("picture", "image").replace("said", "note") + '<input id="chosen" type="file">'
    script = chosen.replace("https://pix.example", cluster.url)
    shop.pages["/readme"] = f"{body}<script>{script}</script>".encode()
    for file, words in ((SAMPLE, ""), (DAMAGED, "truncated"), (TEXT, NO_IMAGE)):
        page.goto(f"{shop.origin}/readme")
        page.set_input_files("#chosen", file)
        if words:
            page.locator("#note", has_text=words).wait_for(timeout=20_000)
        else:
            page.wait_for_function("image.naturalWidth > 0")
    page.close()


def test_a_picture_of_a_result_is_responsive(
    ways: tuple[Cluster, Shop, Callable[..., str]], new_cluster: Callable[..., Cluster], browser: Any, tmp_path: Path
) -> None:
    """The preset and the two functions of the page: a screen takes the size and the format that suits it."""
    _, shop, _ = ways
    own = tmp_path / "recipes.toml"
    own.write_text((ROOT / "recipes.toml").read_text() + "\n" + block("Responsive images", "toml"))
    cluster = new_cluster(cors_origins=shop.origin, recipes=own).start()
    answers = {preset: cluster.upload(SAMPLE.read_bytes(), preset=preset)["id"] for preset in ("photo", "web")}
    jobs = {preset: cluster.ended(job) for preset, job in answers.items()}
    functions = "".join(blocks("Responsive images"))
    shop.pages["/responsive"] = f"{BODY}<script>{functions}</script>".encode()
    page = browser.new_page(viewport={"width": 300, "height": 300})
    page.goto(f"{shop.origin}/responsive")
    taken = page.evaluate(
        "async (job) => { const made = pictureOf(job, 'photo', 'a cat'); document.body.append(made);"
        " const image = made.querySelector('img'); await image.decode();"
        " return [image.currentSrc.split('/').at(-1), image.alt, image.naturalWidth > 0]; }",
        jobs["photo"],
    )
    assert taken == ["photo-320w-avif", "a cat", True]
    built = page.evaluate("(job) => srcsetOf(job, 'w640', 'w1280')", jobs["web"])
    assert [part.split("/")[-1] for part in built.split(", ")] == ["w1280 1200w", "w640 640w"]
    page.close()


def test_a_plain_form(ways: tuple[Cluster, Shop, Callable[..., str]], browser: Any) -> None:
    cluster, shop, sign = ways
    page = browser.new_page()

    def send(grant: str, file: Path) -> str:
        page.goto(lay_out(shop, cluster.url, FORM, grant, Path()))
        with page.expect_navigation():
            choose(page, FORM, file)
        shown: str = page.locator("body").inner_text()
        return shown

    grant = sign()
    assert NO_IMAGE in send(grant, TEXT)
    assert page.url.startswith(f"{shop.origin}/thanks?code=unsupported_type&")
    assert send(grant, SAMPLE) == "Thank you."
    status = page.evaluate("new URLSearchParams(location.search).get('status_url')")
    ended = page.evaluate("async (url) => (await fetch(`${url}&wait=20`)).json()", status)
    assert (ended["state"], ended["preset"]) == ("done", "avatar")
    assert send(grant, SAMPLE) == "the grant has 0 uses left"
    assert '"code":"key_missing"' in send("", SAMPLE)
    page.close()


def test_without_keys_no_way_needs_a_grant(
    ways: tuple[Cluster, Shop, Callable[..., str]], new_cluster: Callable[..., Cluster], browser: Any, libraries: Path
) -> None:
    _, shop, _ = ways
    cluster = new_cluster(cors_origins=shop.origin).start()
    page = browser.new_page()
    for name in FILES:
        page.goto(lay_out(shop, cluster.url, name, "", libraries))
        choose(page, name, SAMPLE)
        page.locator("#said", has_text="Ready.").wait_for(timeout=20_000)
    page.goto(lay_out(shop, cluster.url, FORM, "", libraries))
    choose(page, FORM, SAMPLE)
    page.locator("#said", has_text="Thank you.").wait_for(timeout=20_000)
    page.close()
