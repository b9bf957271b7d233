"""axe finds nothing, on any view: in light and dark, from 320 px on, in forced colours, with reduced motion."""

from typing import Any

import pytest

from tests.browser.test_keys import log_in
from tests.browser.test_page import SAMPLE, TRUNCATED, OpenPage, done, jobs_view
from tests.support.clusters.cluster import Cluster

pytestmark = pytest.mark.cluster
PLAIN = {"color_scheme": "light", "forced_colors": "none", "reduced_motion": "no-preference"}
MODES: tuple[tuple[int, dict[str, str]], ...] = (
    (1200, PLAIN),
    (1200, PLAIN | {"color_scheme": "dark"}),
    (1200, PLAIN | {"color_scheme": "dark", "forced_colors": "active"}),
    (390, PLAIN | {"reduced_motion": "reduce"}),
    (390, PLAIN | {"forced_colors": "active"}),
    (320, PLAIN | {"color_scheme": "dark", "reduced_motion": "reduce"}),
)
RUN = """async () => {
  const { violations, passes } = await axe.run({ resultTypes: ["violations"] });
  const found = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
  return [passes.length, found, document.getAnimations().length, document.documentElement.scrollWidth];
}"""


def judge(page: Any, view: str) -> None:
    """No violation in any mode, nothing moves, and nothing is cut off at the side."""
    for width, media in MODES:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(**media)
        passed, found, moving, wide = page.evaluate(RUN)
        assert passed > 10 and not found, f"{view} at {width} px, {media}: {found}"
        assert not moving, view
        assert wide <= width, f"{view} at {width} px is {wide} px wide"


def test_axe_finds_nothing_on_any_view(keyed: Cluster, open_page: OpenPage, axe: str) -> None:
    page = open_page(keyed, expected=("401",), bypass_csp=True)
    page.add_script_tag(content=axe)
    log_in(page, "wrong")
    page.locator("#log-in-problem .error").wait_for()
    judge(page, "log-in")
    log_in(page, "o")
    page.locator("#health.healthy").wait_for()
    judge(page, "empty")
    page.set_input_files("#files", [SAMPLE, TRUNCATED])
    done(page, "sample.jpg")
    page.locator("#uploads .card .state.failed").wait_for()
    judge(page, "uploads")
    jobs_view(page)
    page.locator("#jobs .row").nth(1).wait_for()
    judge(page, "jobs")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_text("Who did what").click()
    page.locator("#log-rows tr").first.wait_for()
    judge(page, "who did what")
    page.locator("#hours-details summary").click()
    judge(page, "the last hours")
    page.get_by_role("button", name="What is Dead?").click()
    judge(page, "a number's meaning")
    page.keyboard.press("Escape")
    page.select_option("#f-state", "failed")
    page.locator("#codes .chip").wait_for()
    page.get_by_label("Select all", exact=True).check()
    page.keyboard.press("j")
    judge(page, "filtered, selected")
    page.locator("#jobs .row a").click()
    page.locator("#job .error").wait_for()
    judge(page, "job")
    page.locator("#job").get_by_role("button", name="Purge").click()
    judge(page, "confirm")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#help[open]").wait_for()
    judge(page, "help")
