"""jobs/recipes/plan.py, shapes.py and turns.py: against sharp's own sides, brute force on grids, and invariants."""

import itertools
import math
from contextlib import nullcontext
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs.errors import ImageFault
from jobs.images.turns import ORIENTATIONS, QUARTERS, Box, Size, Turn
from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX
from jobs.recipes.plan import DERIVE_RATIO_MIN, JPEG_SCALES, Plan, plan
from jobs.recipes.recipe import Crop, Fit, Gravity, Recipe, RenditionSpec
from jobs.recipes.shapes import shape, shown

Grid = list[list[int]]

SHARP = [
    # stored, asked, fit, enlarge: the sides that sharp 0.35.5 gave
    ((2725, 2225), (720, 588), "inside", False, (720, 588)),
    ((2725, 2225), (99, 7), "inside", False, (9, 7)),
    ((2725, 2225), (500, None), "inside", False, (500, 408)),
    ((2725, 2225), (None, 61), "outside", False, (75, 61)),
    ((2725, 2225), (33, 50), "outside", False, (61, 50)),
    ((1600, 1200), (7, 7), "inside", False, (7, 5)),
    ((333, 1000), (50, 33), "inside", False, (11, 33)),
    ((333, 1000), (7, 7), "inside", True, (2, 7)),
    ((401, 99), (7, 7), "outside", False, (28, 7)),
    ((1, 900), (7, 7), "inside", False, (1, 7)),
    ((1, 900), (1, 1), "cover", False, (1, 1)),
    ((100, 400), (200, 200), "cover", False, (100, 200)),
    ((100, 400), (200, 200), "cover", True, (200, 200)),
    ((100, 400), (200, 200), "fill", False, (100, 200)),
    ((100, 400), (500, None), "fill", True, (500, 400)),
    ((100, 400), (200, 200), "contain", False, (200, 200)),
    ((100, 400), (500, None), "contain", False, (500, 400)),
    ((37, 53), (None, 61), "contain", False, (37, 61)),
    ((37, 53), (720, 588), "inside", True, (410, 588)),
    ((37, 53), (720, 588), "outside", False, (37, 53)),
]


def only(**keys: Any) -> RenditionSpec:
    return RenditionSpec(name="a", **keys)


@pytest.mark.parametrize(("stored", "asked", "fit", "enlarge", "sides"), SHARP)
def test_sides_are_sharps(stored: Any, asked: Any, fit: Any, enlarge: bool, sides: Any) -> None:
    spec = only(width=asked[0], height=asked[1], fit=fit, enlarge=enlarge)
    assert shape(spec, Size(*stored), 1).sides == sides


def test_sides_round_half_up_and_shrink_to_no_less_than_a_pixel() -> None:
    assert shape(only(width=10), Size(100, 25), 1).sides == (10, 3)
    thin = shape(only(width=7, height=7), Size(1, 900), 1)
    assert (thin.sides, thin.shrink) == ((1, 7), (1.0, 900 / 7))


@pytest.mark.parametrize(("gravity", "left", "top"), [("center", 3, 2), ("north", 3, 0), ("southwest", 0, 3)])
def test_a_cover_lies_where_sharp_puts_it(gravity: Any, left: int, top: int) -> None:
    box = shape(only(width=6, height=5, fit="cover", gravity=gravity), Size(11, 5), 1).box
    assert round(box.left) == left
    box = shape(only(width=5, height=6, fit="cover", gravity=gravity), Size(5, 9), 1).box
    assert round(box.top) == top


@pytest.mark.parametrize(("gravity", "left"), [("center", 2), ("east", 5), ("northwest", 0)])
def test_a_contained_picture_lies_where_sharp_puts_it(gravity: Any, left: int) -> None:
    canvas = shape(only(width=9, height=4, fit="contain", gravity=gravity), Size(4, 4), 1).canvas
    assert canvas is not None
    assert (canvas.left, canvas.size) == (left, (9, 4))


# --- against brute force: one operation after the other on a grid of numbers ---


def turned(grid: Grid, turn: Turn) -> Grid:
    if turn.swap:
        grid = [list(row) for row in zip(*grid, strict=True)]
    if turn.mirror:
        grid = [row[::-1] for row in grid]
    return grid[::-1] if turn.flip else grid


def quarter_clockwise(grid: Grid) -> Grid:
    return [list(row) for row in zip(*grid[::-1], strict=True)]


def cut(grid: Grid, box: Box) -> Grid:
    left, top, right, bottom = (round(edge) for edge in box)
    assert max(abs(edge - round(edge)) for edge in box) < 1e-6
    return [row[left:right] for row in grid[top:bottom]]


@given(st.data())
def test_one_box_and_one_turn_do_what_all_the_operations_do(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    orientation, quarters = data.draw(st.integers(1, 8)), data.draw(st.integers(0, 3))
    flip, flop = data.draw(st.booleans()), data.draw(st.booleans())
    stored = [[y * width + x for x in range(width)] for y in range(height)]
    expected = turned(stored, ORIENTATIONS[orientation])
    crop = data.draw(st.none() | crops(len(expected[0]), len(expected)))
    if crop:
        expected = cut(expected, Box(crop.left, crop.top, crop.left + crop.width, crop.top + crop.height))
    for _ in range(quarters):
        expected = quarter_clockwise(expected)
    expected = expected[::-1] if flip else expected
    expected = [row[::-1] for row in expected] if flop else expected
    one = shape(only(crop=crop, rotate=90.0 * quarters, flip=flip, flop=flop), Size(width, height), orientation)
    assert turned(cut(stored, one.box), one.turn) == expected
    assert one.sides == (len(expected[0]), len(expected))


@st.composite
def crops(draw: st.DrawFn, width: int, height: int, holding: tuple[int, int] | None = None) -> Crop:
    """A part of the picture. `holding`: a pixel that is in it."""
    x, y = holding or (width - 1, height - 1)
    left, top = draw(st.integers(0, x)), draw(st.integers(0, y))
    least = (x + 1 - left, y + 1 - top) if holding else (1, 1)
    return Crop(left, top, draw(st.integers(least[0], width - left)), draw(st.integers(least[1], height - top)))


@given(st.sampled_from(ORIENTATIONS), st.sampled_from(ORIENTATIONS), st.integers(1, 5), st.integers(1, 5))
def test_turns_compose_and_undo(first: Turn, second: Turn, width: int, height: int) -> None:
    grid = [[y * width + x for x in range(width)] for y in range(height)]
    assert turned(grid, first.then(second)) == turned(turned(grid, first), second)
    corner = first.undo(Box(0, 0, 1 / len(turned(grid, first)[0]), 1 / len(turned(grid, first))))
    assert cut(grid, Box(0, 0, width, height).part(corner)) == [[turned(grid, first)[0][0]]]


def test_quarters_are_clockwise() -> None:
    grid = [[1, 2, 3], [4, 5, 6]]
    for quarter in QUARTERS:
        assert turned([[1, 2, 3], [4, 5, 6]], quarter) == grid
        grid = quarter_clockwise(grid)


def test_gravity_cuts_where_it_says_in_every_orientation() -> None:
    """All fits, gravities and turns: each corner of the output comes from where one step after the other puts it."""
    stored, crop = Size(90, 70), Crop(4, 6, 50, 40)
    cases = itertools.product(get_args(Fit), get_args(Gravity), range(1, 9), range(4), (False, True), (False, True))
    for fit, gravity, orientation, quarters, flip, flop in cases:
        spec = only(
            width=19, height=15, fit=fit, gravity=gravity, crop=crop, rotate=90.0 * quarters, flip=flip, flop=flop
        )
        one = shape(spec, stored, orientation)
        size = one.turn.size(one.size)
        for x, y in ((0, 0), (size.width, 0), (0, size.height), (size.width, size.height)):
            expected = traced(spec, size, stored, orientation, x, y)
            fraction = one.turn.undo(Box(x / size.width, y / size.height, x / size.width, y / size.height))
            found = one.box.part(fraction)
            assert math.dist((found.left, found.top), expected) < 1e-6, (spec, orientation)


# --- a focus, ratios, cover-down and padding ---


@given(st.data())
def test_a_cut_keeps_the_focus_in_its_middle_or_as_near_as_the_edge_lets_it(data: st.DataObject) -> None:
    """Against a search: of all windows of the picture, turned step by step, the one whose middle is nearest."""
    width, height = data.draw(st.integers(2, 9)), data.draw(st.integers(2, 9))
    orientation, quarters = data.draw(st.integers(1, 8)), data.draw(st.integers(0, 3))
    flip, flop = data.draw(st.booleans()), data.draw(st.booleans())
    stored = [[y * width + x for x in range(width)] for y in range(height)]
    upright = turned(stored, ORIENTATIONS[orientation])
    x, y = data.draw(st.integers(0, len(upright[0]) - 1)), data.draw(st.integers(0, len(upright) - 1))
    focus, wanted = ((x + 0.5) / len(upright[0]), (y + 0.5) / len(upright)), upright[y][x]
    crop = data.draw(st.none() | crops(len(upright[0]), len(upright), (x, y)))
    if crop:
        upright = cut(upright, Box(crop.left, crop.top, crop.left + crop.width, crop.top + crop.height))
    for _ in range(quarters):
        upright = quarter_clockwise(upright)
    upright = upright[::-1] if flip else upright
    upright = [row[::-1] for row in upright] if flop else upright
    most = len(upright[0]), len(upright)  # one side as it is, so nothing is scaled
    sides = data.draw(st.one_of(*(st.tuples(*map(st.integers, least, most)) for least in ((1, most[1]), (most[0], 1)))))
    keys: dict[str, Any] = {"crop": crop, "rotate": 90.0 * quarters, "flip": flip, "flop": flop}
    spec = only(width=sides[0], height=sides[1], fit="cover", gravity="focus", focus=focus, **keys)
    one = shape(spec, Size(width, height), orientation)
    found = turned(cut(stored, one.box), one.turn)
    spot = next((column, row) for row, line in enumerate(upright) for column, each in enumerate(line) if each == wanted)
    best = min(
        math.dist((left + sides[0] / 2, top + sides[1] / 2), (spot[0] + 0.5, spot[1] + 0.5))
        for left in range(len(upright[0]) - sides[0] + 1)
        for top in range(len(upright) - sides[1] + 1)
    )
    (at,) = [
        (left, top)
        for left in range(len(upright[0]) - sides[0] + 1)
        for top in range(len(upright) - sides[1] + 1)
        if [row[left : left + sides[0]] for row in upright[top : top + sides[1]]] == found
    ]
    assert math.dist((at[0] + sides[0] / 2, at[1] + sides[1] / 2), (spot[0] + 0.5, spot[1] + 0.5)) <= best + 1e-6


@pytest.mark.parametrize(("degrees", "flop"), [(30.0, False), (30.0, True), (200.0, False), (315.0, True)])
def test_a_focus_goes_with_a_tilt(degrees: float, flop: bool) -> None:
    """A point right of the middle, turned clockwise, is below it; flop brings it to the other side."""
    spec = only(width=40, height=40, fit="cover", gravity="focus", focus=(0.75, 0.5), rotate=degrees, flop=flop)
    one = shape(msgspec.structs.replace(spec, enlarge=True), Size(400, 100), 1)
    assert one.tilt is not None
    radians, sides = math.radians(degrees), tilted_sides(Size(400, 100), degrees)
    x, y = 100 * math.cos(radians) / sides[0] + 0.5, 100 * math.sin(radians) / sides[1] + 0.5
    x = 1 - x if flop else x
    window = one.tilt.window
    scale = 40 / min(sides)  # of the picture that the window is cut from
    for middle, low, high, side in ((x, window.left, window.right, sides[0]), (y, window.top, window.bottom, sides[1])):
        half = 20 / (side * scale)
        assert (low + high) / 2 == pytest.approx(min(1 - half, max(half, middle)), abs=1 / (side * scale))


def tilted_sides(size: Size, degrees: float) -> tuple[float, float]:
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    return size.width * cos + size.height * sin, size.width * sin + size.height * cos


def test_a_focus_outside_of_the_crop_is_its_nearest_point() -> None:
    crop = Crop(50, 50, 40, 40)
    for focus, left in (((0.0, 0.0), 50), ((1.0, 1.0), 70), ((0.7, 0.7), 60)):
        spec = only(width=20, height=40, fit="cover", gravity="focus", focus=focus, crop=crop)
        assert shape(spec, Size(100, 100), 1).box.left == pytest.approx(left)


@pytest.mark.parametrize(
    ("stored", "asked", "sides"),
    [
        ((500, 500), (640, 400), (500, 313)),
        ((500, 300), (640, 400), (480, 300)),
        ((1000, 1000), (640, 400), (640, 400)),
        ((100, 100), (300, 200), (100, 67)),
        ((3, 3), (1000, 1), (3, 1)),
        ((640, 400), (640, 400), (640, 400)),
    ],
)
def test_cover_down_keeps_the_ratio_that_is_asked(stored: Any, asked: Any, sides: Any) -> None:
    """The first is imgproxy's `fill-down`; a large original gives what `cover` gives."""
    keys = {"width": asked[0], "height": asked[1]}
    assert shape(only(**keys, fit="cover-down"), Size(*stored), 1).sides == sides
    larger = shape(only(**keys, fit="cover-down", enlarge=True), Size(*stored), 1)
    assert larger.sides == asked
    if min(stored[0] / asked[0], stored[1] / asked[1]) >= 1:
        assert (
            shape(only(**keys, fit="cover-down"), Size(*stored), 1).box
            == shape(only(**keys, fit="cover"), Size(*stored), 1).box
        )


@pytest.mark.parametrize(
    ("stored", "ratio", "fit", "sides"),
    [
        ((400, 300), "1:1", "cover", (300, 300)),
        ((400, 300), "2:1", "cover", (400, 200)),
        ((400, 300), "2:1", "cover-down", (400, 200)),
        ((400, 300), "1:1", "contain", (400, 400)),
        ((400, 300), "2:1", "contain", (600, 300)),
        ((400, 300), "4:3", "contain", (400, 300)),
        ((400, 1), "1:999999999", "cover", (1, 1)),
    ],
)
def test_a_ratio_alone_cuts_or_extends(stored: Any, ratio: str, fit: Any, sides: Any) -> None:
    for orientation in (1, 6):
        seen = Size(*stored) if orientation == 1 else Size(stored[1], stored[0])
        assert shape(only(ratio=ratio, fit=fit), seen, orientation).sides == sides
    turned = shape(only(ratio=ratio, fit=fit, rotate=90.0), Size(stored[1], stored[0]), 1)
    assert turned.sides == sides, "the ratio is that of the output"


def test_a_ratio_that_needs_too_large_a_canvas_is_the_images_fault() -> None:
    with pytest.raises(ImageFault):
        shape(only(ratio="999999999:1", fit="contain"), Size(10, 10), 1)


def test_padding_adds_to_the_sides_and_counts_for_their_limit() -> None:
    one = shape(only(width=10, padding=(1, 20, 300, 4000)), Size(100, 100), 6)
    assert (one.inner, one.sides) == ((10, 10), (4030, 311))
    assert shape(only(width=9, height=9, fit="contain", padding=(1, 2)), Size(100, 50), 1).sides == (13, 11)
    with pytest.raises(ImageFault):
        shape(only(width=10, padding=(0, SIDE_MAX - 9, 0, 0)), Size(100, 100), 1)


@pytest.mark.parametrize("orientation", range(9))
def test_the_part_that_is_told_is_the_crop_of_the_upright_image(orientation: int) -> None:
    """Whatever the picture is turned by afterwards, and though its pixels are stored on their side."""
    stored = Size(90, 70)
    for turns, flop in itertools.product((0.0, 90.0, 180.0, 270.0, 33.0), (False, True)):
        one = shape(only(crop=Crop(4, 6, 50, 40), width=10, rotate=turns, flop=flop), stored, orientation)
        assert shown(one, stored, orientation) == (4, 6, 50, 40)
    whole = shown(shape(only(), stored, orientation), stored, orientation)
    assert whole == (0, 0, *ORIENTATIONS[orientation].size(stored))


def test_the_part_that_is_told_is_what_a_cover_kept() -> None:
    cases: list[tuple[Any, int, tuple[int, ...]]] = [
        ("north", 6, (0, 0, 70, 70)), ("south", 6, (0, 20, 70, 70)), ("east", 1, (20, 0, 70, 70)),
    ]  # fmt: skip
    for gravity, orientation, part in cases:
        one = shape(only(width=7, height=7, fit="cover", gravity=gravity), Size(90, 70), orientation)
        assert shown(one, Size(90, 70), orientation) == part


@given(st.sampled_from(ORIENTATIONS), st.tuples(*[st.integers(0, 64)] * 4))
def test_to_turn_a_part_and_to_undo_that_is_nothing(turn: Turn, edges: tuple[int, ...]) -> None:
    box = Box(*(edge / 64 for edge in edges))
    assert turn.undo(turn.do(box)) == turn.do(turn.undo(box)) == box


def traced(spec: RenditionSpec, size: Size, stored: Size, orientation: int, x: float, y: float) -> tuple[float, float]:
    """The stored point behind the point (x, y) of the picture, every operation undone by itself."""
    seen = stored if orientation < 5 else Size(stored.height, stored.width)
    assert spec.crop is not None and spec.width and spec.height
    part = Size(spec.crop.width, spec.crop.height)
    turned_part = part if spec.rotate % 180 == 0 else Size(part.height, part.width)
    if spec.fit in ("cover", "cover-down"):  # back on the whole picture, of which this is a part
        shrink = min(turned_part.width / spec.width, turned_part.height / spec.height)
        whole = Size(math.floor(turned_part.width / shrink + 0.5), math.floor(turned_part.height / shrink + 0.5))
        free = whole.width - size.width, whole.height - size.height
        x += 0 if "west" in spec.gravity else free[0] if "east" in spec.gravity else math.ceil(free[0] / 2)
        y += 0 if "north" in spec.gravity else free[1] if "south" in spec.gravity else math.ceil(free[1] / 2)
        size = whole
    x, y = x / size.width * turned_part.width, y / size.height * turned_part.height
    x = turned_part.width - x if spec.flop else x
    y = turned_part.height - y if spec.flip else y
    for turned in range(int(spec.rotate // 90), 0, -1):  # once counter-clockwise
        before = part if turned % 2 else Size(part.height, part.width)
        x, y = y, before.height - x
    x, y = x + spec.crop.left, y + spec.crop.top
    if orientation >= 5:
        x, y = (y, x)
        seen = Size(seen.height, seen.width)
        mirrored, upside = orientation in (7, 8), orientation in (6, 7)
        return (seen.width - x if mirrored else x), (seen.height - y if upside else y)
    return (seen.width - x if orientation in (2, 3) else x), (seen.height - y if orientation in (3, 4) else y)


# --- invariants of whole plans ---

SPECS = st.builds(
    RenditionSpec,
    name=st.just("a"),
    width=st.none() | st.integers(1, 900),
    height=st.none() | st.integers(1, 900),
    fit=st.sampled_from(["inside", "cover", "cover-down", "contain", "fill", "outside"]),
    gravity=st.sampled_from(["center", "northeast", "west"]),
    enlarge=st.booleans(),
    rotate=st.sampled_from([0.0, 90.0, 180.0, 33.0]),
    flop=st.booleans(),
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[Recipe, Size, Plan]:
    specs = draw(st.lists(SPECS, min_size=1, max_size=6))
    named = (
        RenditionSpec(**{f: getattr(spec, f) for f in spec.__struct_fields__} | {"name": f"r{index}"})
        for index, spec in enumerate(specs)
    )
    recipe = Recipe(tuple(named))
    stored = Size(draw(st.integers(1, 4000)), draw(st.integers(1, 4000)))
    try:
        return recipe, stored, plan(recipe, stored, draw(st.integers(0, 8)), JPEG_SCALES)
    except ImageFault:
        assume(False)
        raise


@given(plans())
def test_every_rendition_once_and_parents_first(planned: tuple[Recipe, Size, Plan]) -> None:
    recipe, _, plan = planned
    names = [step.shape.spec.name for step in plan.steps]
    assert sorted(names) == sorted(spec.name for spec in recipe.renditions)
    for index, step in enumerate(plan.steps):
        assert step.parent is None or step.parent in names[:index]


@given(plans())
def test_the_scale_is_the_smallest_that_serves_all(planned: tuple[Recipe, Size, Plan]) -> None:
    _, stored, plan = planned
    shrinks = [shrink for step in plan.steps for shrink in step.shape.shrink]
    decodable = [scale for scale in (8, 4, 2) if scale <= min(stored)]  # (libjpeg leaves no pixel of a shorter side)
    serving = [scale for scale in decodable if all(scale <= shrink for shrink in shrinks)]
    assert plan.scale == max([1, *serving])


@given(plans())
def test_boxes_lie_in_their_parent_and_no_parent_is_too_near(planned: tuple[Recipe, Size, Plan]) -> None:
    _, stored, plan = planned
    decoded = Size(math.ceil(stored.width / plan.scale), math.ceil(stored.height / plan.scale))
    shapes = {step.shape.spec.name: step.shape for step in plan.steps}
    for step in plan.steps:
        parent = shapes[step.parent] if step.parent else None
        width, height = parent.size if parent else decoded
        left, top, right, bottom = step.box
        assert -1e-6 <= left < right <= width + 1e-6
        assert -1e-6 <= top < bottom <= height + 1e-6
        if parent and (parent.box, parent.size) != (step.shape.box, step.shape.size):
            ratios = [small / large for small, large in zip(step.shape.shrink, parent.shrink, strict=True)]
            assert min(ratios) >= DERIVE_RATIO_MIN
            assert min(parent.shrink) >= plan.scale


@given(plans())
def test_down_a_chain_of_parents_a_box_is_still_the_same_part_of_the_original(
    planned: tuple[Recipe, Size, Plan],
) -> None:
    plan = planned[2]
    shapes = {step.shape.spec.name: step.shape for step in plan.steps}
    for step in plan.steps:
        if step.parent is None:
            expected = [edge / plan.scale for edge in step.shape.box]
            assert all(abs(a - b) < 1e-6 for a, b in zip(step.box, expected, strict=True))
        else:
            parent = shapes[step.parent]
            fractions = [edge / side for edge, side in zip(step.box, (*parent.size, *parent.size), strict=True)]
            found = parent.box.part(Box(*fractions))
            assert all(abs(a - b) < 1e-6 for a, b in zip(found, step.shape.box, strict=True))


@given(plans())
def test_the_shrink_leads_from_the_box_to_the_size(planned: tuple[Recipe, Size, Plan]) -> None:
    for one in (step.shape for step in planned[2].steps if not step.shape.tilt):
        across, down = one.shrink
        assert abs((one.box.right - one.box.left) / across - one.size.width) <= 0.51
        assert abs((one.box.bottom - one.box.top) / down - one.size.height) <= 0.51


def test_five_sizes_derive_each_from_the_nearest_larger() -> None:
    sizes = {"w1920": 1920, "w1280": 1280, "w640": 640, "w64": 64}
    recipe = Recipe(tuple(RenditionSpec(name=name, width=width) for name, width in sizes.items()))
    assert [step.parent for step in plan(recipe, Size(2725, 2225), 1, JPEG_SCALES).steps] == [
        None,
        "w1920",
        "w1280",
        "w640",
    ]


@pytest.mark.parametrize(("width", "scale"), [(2725, 1), (1363, 1), (1362, 2), (682, 2), (681, 4), (341, 4), (340, 8)])
def test_the_scale_of_a_jpeg(width: int, scale: int) -> None:
    recipe = Recipe((RenditionSpec(name="a", width=width),))
    assert plan(recipe, Size(2225, 2725), 6, JPEG_SCALES).scale == scale


@pytest.mark.parametrize(
    "keys",
    [
        {"crop": Crop(1, 0, 100, 100)},
        {"crop": Crop(0, 1, 100, 200)},
        {"width": 16_000, "fit": "outside", "enlarge": True},
        {"width": 1, "height": 16_000, "fit": "outside", "enlarge": True, "crop": Crop(0, 0, 100, 1)},
    ],
)
def test_what_this_image_cannot_give_is_its_fault(keys: dict[str, Any]) -> None:
    with pytest.raises(ImageFault) as fault:
        shape(only(**keys), Size(100, 200), 1)
    assert fault.value.code == "operation_failed"


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [
        (SIDE_MAX, 10, True),
        (SIDE_MAX + 1, 10, False),
        (10, SIDE_MAX, True),
        (10, SIDE_MAX + 1, False),
        (10_000, OUTPUT_PIXELS_MAX // 10_000, True),
        (10_000, OUTPUT_PIXELS_MAX // 10_000 + 1, False),
    ],
)
def test_each_side_and_the_pixels_of_all_have_a_bound(width: int, height: int, fits: bool) -> None:
    with nullcontext() if fits else pytest.raises(ImageFault):
        one = shape(only(width=width, height=height, fit="fill", enlarge=True), Size(100, 200), 1)
        assert one.sides == (width, height)


def test_only_a_picture_that_leaves_room_lies_on_a_canvas() -> None:
    assert shape(only(width=50, height=50, fit="contain"), Size(100, 100), 1).canvas is None
    tilted = shape(only(width=200, height=100, fit="contain", rotate=45.0), Size(100, 100), 1)
    assert (tilted.sides, tilted.canvas and (tilted.canvas.left, tilted.canvas.top)) == ((200, 100), (50, 0))


def test_a_tilted_picture_is_turned_upright_from_the_stored_sides() -> None:
    one = shape(only(rotate=30.0), Size(100, 50), 6)
    assert (one.size, one.turn) == ((100, 50), ORIENTATIONS[6])


def of(**renditions: dict[str, Any]) -> Recipe:
    """A recipe of these renditions, by name."""
    return Recipe(tuple(RenditionSpec(name=name, **keys) for name, keys in renditions.items()))


def parents(plan: Plan) -> dict[str, str | None]:
    return {step.shape.spec.name: step.parent for step in plan.steps}


@pytest.mark.parametrize(("width", "scale"), [(1600, 1), (800, 2), (400, 4), (200, 8), (100, 8)])
def test_a_scale_that_fits_exactly_is_taken(width: int, scale: int) -> None:
    assert plan(of(a={"width": width}), Size(1600, 1200), 1, JPEG_SCALES).scale == scale


def test_a_scale_leaves_a_pixel_of_the_shorter_side_although_a_tilted_picture_is_larger() -> None:
    assert plan(of(a={"width": 10, "rotate": 33.0}), Size(4, 1000), 1, JPEG_SCALES).scale == 4


def test_the_largest_in_pixels_comes_first_and_not_the_widest() -> None:
    planned = plan(of(wide={"width": 90, "height": 9, "fit": "cover"}, high={"width": 60}), Size(200, 200), 1)
    assert [step.shape.spec.name for step in planned.steps] == ["high", "wide"]


def test_renditions_of_an_animation_are_made_from_its_frames_alone() -> None:
    recipe = of(large={"width": 900}, small={"width": 100})
    assert parents(plan(recipe, Size(1000, 1000), 1)) == {"large": None, "small": "large"}
    assert parents(plan(recipe, Size(1000, 1000), 1, chained=False)) == {"large": None, "small": None}


def test_one_of_the_same_part_and_sides_is_made_once() -> None:
    recipe = of(jpeg={"width": 100}, webp={"width": 100, "format": "webp"})
    assert parents(plan(recipe, Size(150, 150), 1)) == {"jpeg": None, "webp": "jpeg"}


def test_one_of_the_same_sides_and_another_part_is_made_from_the_image() -> None:
    recipe = of(whole={"width": 50}, part={"width": 50, "crop": Crop(0, 0, 60, 60)})
    assert parents(plan(recipe, Size(100, 100), 1)) == {"whole": None, "part": None}


def test_a_part_beside_its_would_be_parent_is_made_from_the_image() -> None:
    recipe = of(left={"crop": Crop(0, 0, 50, 50)}, right={"crop": Crop(60, 60, 40, 40), "width": 20})
    assert parents(plan(recipe, Size(100, 100), 1)) == {"left": None, "right": None}


def test_a_box_is_counted_from_the_corner_of_its_parent() -> None:
    crop = Crop(10, 20, 100, 100)
    recipe = of(large={"crop": crop, "width": 80}, small={"crop": crop, "width": 20})
    small = plan(recipe, Size(200, 200), 1).steps[1]
    assert (small.parent, small.box) == ("large", Box(0.0, 0.0, 80.0, 80.0))


def test_a_tilted_picture_has_no_parent_and_is_none() -> None:
    tilted = {"width": 500, "rotate": 33.0}
    recipe = of(large={"width": 900}, tilted=tilted, small={"width": 50})
    assert parents(plan(recipe, Size(1000, 1000), 1)) == {"large": None, "tilted": None, "small": "large"}
    recipe = of(tilted=tilted, small={"width": 50})
    assert parents(plan(recipe, Size(1000, 1000), 1)) == {"tilted": None, "small": None}
    assert parents(plan(of(whole={}, tilted=tilted), Size(1000, 1000), 1)) == {"whole": None, "tilted": None}


@pytest.mark.parametrize(
    ("stored", "keys", "scale", "size"),
    [
        (Size(1000, 601), {"width": 100}, 8, Size(125, 76)),
        (Size(54, 60), {"crop": Crop(18, 0, 31, 40)}, 1, Size(31, 40)),
    ],
)
def test_a_tilted_picture_is_turned_in_whole_pixels_of_what_is_decoded(
    stored: Size, keys: dict[str, Any], scale: int, size: Size
) -> None:
    """The second is a mirrored box, of which the arithmetic makes a little more than 31."""
    planned = plan(of(a={"rotate": 33.0, **keys}), stored, 2, JPEG_SCALES)
    assert (planned.scale, planned.steps[0].shape.size) == (scale, size)


def test_a_tilted_picture_fits_its_box() -> None:
    one = shape(only(width=100, rotate=45.0), Size(1000, 1000), 1)
    assert one.tilt is not None
    assert one.sides == (100, 100)
    assert shape(only(rotate=45.0), Size(1000, 1000), 1).sides == (1415, 1415)


def test_a_tilted_picture_is_flipped_after_the_tilt() -> None:
    tilt = shape(only(rotate=30.0, flop=True), Size(100, 50), 1).tilt
    assert tilt is not None
    assert (tilt.degrees, tilt.turn) == (30.0, Turn(mirror=True))


def test_the_least_shrink_of_a_tilted_picture_serves_both_axes() -> None:
    """Its pixels are turned before they are resized, so that each axis of the stored ones needs the finer scale."""
    one = shape(only(width=50, height=10, fit="fill", rotate=45.0), Size(100, 100), 1)
    assert one.shrink == (142 / 50, 142 / 50)


def test_a_tilted_picture_has_a_bounded_canvas_for_its_decoded_pixels() -> None:
    tilted = {"rotate": 30.0, "width": 10}
    planned = plan(of(a=tilted), Size(1000, 500), 6, JPEG_SCALES)
    assert planned.scale == 8
    made = planned.steps[0].shape
    assert made.tilt is not None
    assert (made.size, made.tilt.canvas) == (Size(125, 63), Size(118, 140)), "63 x 125, turned by 30 degrees"
    with pytest.raises(ImageFault, match="fill 10614 x 10614"):
        plan(of(a=tilted | {"rotate": 45.0}), Size(15_000, 10), 1)
    assert plan(of(a=tilted | {"rotate": 45.0}), Size(15_000, 10), 1, JPEG_SCALES).scale == 8


def test_a_rendition_derives_from_none_of_another_colour_space() -> None:
    planned = plan(of(a={"width": 400}, b={"width": 200, "profile": "p3"}, c={"width": 100}), Size(800, 800), 1)
    assert {step.shape.spec.name: step.parent for step in planned.steps} == {"a": None, "b": None, "c": "a"}
