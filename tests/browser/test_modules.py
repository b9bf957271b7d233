"""Modules of the page, each alone in a real Chromium, without a server: what they decide.

The page's document is there, but its main.js is not: nothing asks for anything. torture/planted has bugs for them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from worker.images.facts import looks

PAGES = Path(__file__).parents[2] / "web" / "pages"
URL = "http://pixmill.test/"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
VERDICTS = """async () => {
  const { verdict, notTaken, pauseAfter } = await import("/uploads/verdict.js");
  return {
    verdicts: [202, 0, 200, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503, 507].map(verdict),
    taken: [notTaken(503, "broker_silent"), notTaken(503, "queue_full"), notTaken(429, "x"), notTaken(0)],
    pauses: [[1, 0], [3, 0], [9, 0], [1, 7], [2, 900]].map(each => pauseAfter(...each)),
  };
}"""
ENTRIES = """async bytes => {
  const files = await import("/uploads/files.js");
  const file = name => ({ isFile: true, isDirectory: false, name,
    file: resolve => resolve(new File([new Uint8Array(bytes)], name)) });
  const folder = (name, ...within) => ({ isFile: false, isDirectory: true, name, createReader: () => {
    const left = within.map(each => [each]); // one at a time: a browser gives a hundred at most
    return { readEntries: resolve => resolve(left.shift() ?? []) };
  } });
  const deep = folder("deep", file("2.jpg"), file("notes.txt"));
  const entries = [folder("many", file("1.jpg"), deep, file(".DS_Store")), file("3.jpg")];
  const items = entries.map(entry => ({ webkitGetAsEntry: () => entry }));
  const given = [new File([], "many"), new File([new Uint8Array(bytes)], "3.jpg", { type: "image/jpeg" })];
  const { files: single, within } = await files.dropped({ items, files: given });
  const { images, others } = files.sorted(within);
  return [single.map(each => each.name), images.map(each => each.name), others];
}"""
REASONS = """async () => {
  const { reasonAgainst } = await import("/uploads/files.js");
  document.getElementById("files").dataset.bytesMax = "1000";
  return [0, 1, 1000, 1001].map(size => reasonAgainst({ size }));
}"""
WORDS = """async () => {
  const { tally, words } = await import("/uploads/tally.js");
  const of = (...stages) => words(tally(stages));
  return [of("done", "running"), of("done", "failed", "dead", "refused", "queued"), of("done", "cancelled"),
    tally(["waiting", "uploading", "not confirmed", "queued", "running", "delayed", "accepted"]).left];
}"""
PREVIEWS = """async hash => {
  const { pixels, preview } = await import("/preview.js");
  const picture = new Image();
  picture.src = preview({ thumbhash: hash });
  await picture.decode();
  const { width, height, rgba } = pixels(Uint8Array.from(atob(hash), char => char.charCodeAt(0)));
  const at = (x, y) => [...rgba.slice(4 * (y * width + x), 4 * (y * width + x) + 4)];
  const lqip = "data:image/webp;base64,AA";
  return {
    none: [preview(null), preview({ blurhash: "L" }), preview({ lqip, thumbhash: hash }) === lqip],
    drawn: [picture.src.startsWith("data:image/png"), picture.width, picture.height, width, height],
    left: at(2, 8), right: at(29, 8),
  };
}"""
ARRANGED = """async jobs => {
  const { arranged } = await import("/list/arrange.js");
  const ids = filters => arranged(jobs, filters).map(({ id }) => id).join("");
  const finds = ["", "BEACH", "order 7", "c"].map(find => ids({ find }));
  return [...finds, ...["duration", "attempts"].map(sort => ids({ sort }))];
}"""
TIMES = """async () => {
  const { local, stored } = await import("/format.js");
  return [local("2026-07-01T10:00:00Z"), local("2026-07-01T10:00:00.500+00:00"), local("soon"), local(undefined),
    stored("2026-07-01T12:00"), stored(""), stored(local("2026-12-01T23:59:00Z"))];
}"""
FILTERED = """async () => {
  const address = await import("/address.js");
  const seen = [];
  addEventListener("popstate", () => seen.push(location.search));
  address.filter({ state: "failed", find: "" });
  address.filter({ state: "failed" });
  address.filter({ tenant: "acme", accepted_after: "2026-07-01T10:00:00Z" });
  address.filter({ state: "", tenant: "", accepted_after: "" });
  address.filter({ state: "" });
  address.view("upload");
  address.filter({ state: "" });
  return seen;
}"""
SELECTED = """async () => {
  const { served } = await import("/list/filters.js");
  const list = await import("/list/selection.js");
  const draw = (more, ids = "abc") => list.drawActions({}, [...ids], more);
  const now = () => ["a", "b", "c", "d"].map(list.isSelected).map(Number).join("") + Number(list.allThatMatch());
  const offered = () => !document.getElementById("select-matching").hidden;
  const seen = [];
  draw("next"), seen.push(now());
  list.choose("b"), draw("next"), seen.push(now(), offered());
  list.chooseAll(), draw("next"), seen.push(now(), offered());
  list.chooseMatching(), draw("next"), seen.push(now(), offered());
  draw("next", "abcd"), list.choose("b"), draw("next", "abcd"), seen.push(now());
  list.chooseMatching(), list.clear(), draw(null), seen.push(now());
  list.chooseAll(), draw(null), seen.push(now(), offered());
  list.chooseAll(), seen.push(now());
  return [seen, served({ state: "done", find: "x", sort: "duration", tenant: "acme" })];
}"""
HEARD = """async () => {
  window.module ??= await import("/uploads/heard.js");
  window.cards ??= ["1.jpg", "2.jpg", "3.jpg"].map(filename => ({ filename }));
  return [...document.querySelectorAll("#heard p")].map(line => line.textContent);
}"""
KEPT = """async () => {
  const kept = await import("/uploads/kept.js");
  const now = () => [kept.remembered().length, kept.older(), kept.refusals().length];
  for (let number = 0; number < kept.KEPT; number += 1) kept.remember(`${number}`);
  const seen = [now()];
  kept.remember("one more");
  for (let number = 0; number <= kept.KEPT; number += 1) kept.rememberRefusal("n".repeat(1000), "r".repeat(1000));
  seen.push(now(), [kept.remembered()[0], kept.refusals()[0].name.length, kept.refusals()[0].reason.length]);
  kept.forgetFinished();
  seen.push(now());
  for (const wrong of ["{", "{}", "[1, null, {}]"]) {
    localStorage.setItem("pixmill.refused", wrong);
    seen.push(kept.refusals().length);
  }
  return seen;
}"""
JOBS: list[dict[str, Any]] = [
    {"id": "A", "filename": "beach.jpg", "reference": None, "accepted_at": "2026-01-01T00:00:00Z", "attempts": 1},
    {"id": "B", "filename": "", "reference": "order 7", "accepted_at": "2026-01-01T00:00:00Z", "attempts": 3},
    {"id": "C", "filename": "hill.jpg", "reference": None, "accepted_at": "2026-01-01T00:00:00Z", "attempts": 2},
]


@pytest.fixture
def modules(browser: Any) -> Iterator[Any]:
    """A page that has the document and can import each module. Whatever else it asks for is not there."""

    def answer(route: Any) -> None:
        file = PAGES / (route.request.url.removeprefix(URL).partition("?")[0] or "index.html")
        if not file.is_file():
            route.abort()
            return
        text = re.sub(r"<script.*?</script>|<base.*?>", "", file.read_text())
        route.fulfill(body=text, content_type=TYPES[file.suffix])

    context = browser.new_context(timezone_id="Europe/Berlin")
    page = context.new_page()
    page.route("**/*", answer)
    page.clock.install(time=0)
    page.goto(URL)
    page.clock.pause_at(3_600_000)  # from here on it goes only as far as a test runs it, however slow the machine is
    yield page
    context.close()


def test_what_an_answer_means_and_when_it_is_tried_again(modules: Any) -> None:
    found = modules.evaluate(VERDICTS)
    again, refused = "again", "refused"
    assert found["verdicts"][:6] == ["accepted", again, again, "login", refused, again]
    assert found["verdicts"][6:] == [refused] * 4 + [again] * 4
    assert found["taken"] == [False, True, True, False]
    assert found["pauses"] == [1000, 4000, 30_000, 7000, 30_000]


def test_a_dropped_folder_is_walked(modules: Any) -> None:
    assert modules.evaluate(ENTRIES, [1, 2, 3]) == [["3.jpg"], ["1.jpg", "2.jpg"], 1]


def test_what_cannot_be_taken_is_said_before_it_is_sent(modules: Any) -> None:
    empty, small, largest, large = modules.evaluate(REASONS)
    assert (empty, small, largest) == ("This file is empty.", "", "")
    assert large == "This file has 1.0 kB. At most 1.0 kB are taken."


def test_the_count_of_a_visit_in_words(modules: Any) -> None:
    assert modules.evaluate(WORDS) == ["1 of 2 done", "1 of 5 done, 2 failed, 1 refused", "1 of 2 done, 1 cancelled", 7]


def test_what_is_kept_of_uploads_is_bounded_and_what_is_left_out_is_told(modules: Any) -> None:
    seen = modules.evaluate(KEPT)
    assert seen == [[30, False, 0], [30, True, 30], ["one more", 200, 200], [30, False, 0], 0, 0, 0]


def test_jobs_are_found_and_ordered(modules: Any) -> None:
    ended = {"A": "2026-01-01T00:00:02Z", "C": "2026-01-01T00:00:09Z"}
    jobs = [job | {"ended_at": ended.get(str(job["id"]))} for job in JOBS]
    assert modules.evaluate(ARRANGED, jobs) == ["ABC", "A", "B", "AC", "CAB", "BCA"]


def test_a_time_is_the_reader_s_own_and_stored_in_utc(modules: Any) -> None:
    assert modules.evaluate(TIMES) == [
        "2026-07-01T12:00", "2026-07-01T12:00", "", "", "2026-07-01T10:00:00Z", "", "2026-12-01T23:59:00Z",
    ]  # fmt: skip


def test_filters_are_the_address_and_nothing_happens_if_none_changes(modules: Any) -> None:
    assert modules.evaluate(FILTERED) == [
        "?state=failed",
        "?state=failed&tenant=acme&accepted_after=2026-07-01T10%3A00%3A00Z",
        "?view=jobs",
        "",
        "?view=jobs",
    ]


def test_some_or_all_that_match_are_selected(modules: Any) -> None:
    seen, served = modules.evaluate(SELECTED)
    assert seen == [
        "00000", "01000", False, "11100", True, "11111", False, "10110", "00000", "11100", False, "00000",
    ]  # fmt: skip
    assert served == {"state": "done", "tenant": "acme"}


def test_each_failure_is_heard_once_and_the_count_not_too_often(modules: Any) -> None:
    def heard(act: str = "") -> list[str]:
        lines: list[str] = modules.evaluate(HEARD)
        if act:
            modules.evaluate(f"() => {{ {act} }}")
            lines = modules.evaluate(HEARD)
        return lines

    def reached(card: int, stage: str, reason: str = "") -> str:
        return f"module.reached(cards[{card}], '{stage}', '{reason}')"

    assert heard("module.began(cards)") == ["Uploading 3 files."]
    assert heard(reached(0, "done"))[1:] == []  # not yet
    modules.clock.run_for(2900)
    assert heard()[1:] == []
    modules.clock.run_for(200)
    assert heard()[1:] == ["1 of 3 done."]
    doubted = "2.jpg is not confirmed. No connection: trying again."
    assert heard(reached(1, "not confirmed", "No connection: trying again"))[2:] == [doubted]
    heard(reached(1, "uploading"))
    assert heard(reached(1, "not confirmed", "No connection: trying again"))[2:] == [doubted]  # the tries may be many
    failed = ["2.jpg failed: it is cut off"]
    assert heard(reached(1, "failed", "it is cut off"))[3:] == failed
    assert heard(reached(1, "failed", "it is cut off"))[3:] == failed
    assert heard(reached(2, "refused", "no image"))[4:] == [
        "3.jpg was refused: no image",
        "1 of 3 done, 1 failed, 1 refused.",
    ]
    modules.clock.run_for(10_000)
    assert len(heard()) == 6
    assert modules.title() == "pixmill"
    heard(reached(0, "queued") + ";" + reached(0, "done"))  # somebody requeued it
    modules.clock.run_for(10_000)
    assert len(heard()) == 6
    heard("module.recall({filename: 'old.jpg'}, 'failed')")
    heard("window.old = {filename: 'older.jpg'}; module.recall(old, 'queued'); module.reached(old, 'failed', 'bad')")
    modules.clock.run_for(10_000)
    assert len(heard()) == 6
    assert modules.evaluate("document.getElementById('summary').textContent") == "1 of 5 done, 3 failed, 1 refused"
    assert heard("module.began([{filename: 'next.jpg'}])")[6:] == ["Uploading next.jpg."]
    assert modules.title() == "0/1 pixmill"
    assert modules.evaluate("document.getElementById('summary').textContent") == "0 of 1 done"


def test_a_placeholder_is_drawn(modules: Any) -> None:
    image = Image.new("RGB", (32, 16), (200, 40, 40))
    image.paste((40, 40, 200), (16, 0, 32, 16))
    hash = looks.placeholder(image, None, ("thumbhash",)).thumbhash
    told = modules.evaluate(PREVIEWS, hash)
    assert told["none"] == [None, None, True]
    assert told["drawn"] == [True, 32, 18, 32, 18]
    (red, _, blue, alpha), (other_red, _, other_blue, _) = told["left"], told["right"]
    assert red > blue + 60 and other_blue > other_red + 60 and alpha == 255
