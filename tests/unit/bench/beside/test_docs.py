"""bench/beside/docs.py: a measured table goes between its marks, and the plot has a bar for each contender."""

from xml.etree import ElementTree

import pytest

from bench.beside import dispatch, docs, pressed, recovery, uploads
from bench.peers import image_docs


def test_text_goes_between_its_marks_and_nowhere_else() -> None:
    start, end = docs.marks("one")
    page = f"before\n{start}\nold\n{end}\nafter\n"
    assert docs.put(page, "one", "new") == f"before\n{start}\nnew\n{end}\nafter\n"
    with pytest.raises(ValueError, match="no marks of five"):
        docs.put(page, "five", "new")


def test_the_page_has_the_marks_of_all_tables() -> None:
    page = image_docs.PAGE.read_text()
    tables = [dispatch.TABLE, *uploads.tables(), pressed.TABLE, recovery.table()]
    for key in ("judged", "durability", *(table.key for table in tables)):
        assert docs.put(page, key, "x") != page


def test_the_plot_has_a_bar_for_each_measured_contender_the_longest_first() -> None:
    rounds = {"node": [{"one_images_s": 10.0}], "pixmill": [{"one_images_s": 20.0}], "rq": [{"jobs_s": 1.0}]}
    drawn = ElementTree.fromstring(docs.plot(rounds))
    bars = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if one.get("x")]
    assert [int(one.get("width", 0)) for one in bars] == [docs.WIDTH, docs.WIDTH // 2]
