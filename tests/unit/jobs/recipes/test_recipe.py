"""jobs/recipes/recipe.py: faults by their JSON path, one canonical text, presets."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import BadRecipe, SetupFault
from jobs.images.turns import Size
from jobs.limits import OUTPUT_PIXELS_MAX, RECIPE_BYTES_MAX, RENDITIONS_MAX, SIDE_MAX
from jobs.recipes.presets import load_presets, moved, watermark_paths
from jobs.recipes.recipe import AskedRecipe, RenditionSpec, Watermark, as_dict, canonical, digest, parse, stored, whole
from jobs.recipes.shapes import shape
from jobs.recipes.values.patterns import WORDS, words_of

DIGEST, OTHER = "d" * 64, "0" * 64
RECIPES = Path(__file__).parents[4] / "recipes.toml"


def of(**keys: Any) -> dict[str, Any]:
    return {"renditions": [{"name": "a", **keys}]}


@pytest.mark.parametrize(
    ("recipe", "path"),
    [
        ([], "$"),
        ({}, "$.renditions"),
        ({"renditions": []}, "$.renditions"),
        ({"renditions": [{"name": f"r{n}"} for n in range(RENDITIONS_MAX + 1)]}, "$.renditions"),
        ({"renditions": [{}]}, "$.renditions[0].name"),
        ({"renditions": [{"name": "a"}, {"name": "a"}]}, "$.renditions[1].name"),
        ({"renditions": [{"name": "a"}], "more": 1}, "$.more"),
        (of(name="Große"), "$.renditions[0].name"),
        (of(name="a\n"), "$.renditions[0].name"),
        (of(name="a" * 33), "$.renditions[0].name"),
        (of(width=0), "$.renditions[0].width"),
        (of(width=SIDE_MAX + 1), "$.renditions[0].width"),
        (of(height="5"), "$.renditions[0].height"),
        (of(width=OUTPUT_PIXELS_MAX // 10_000 + 1, height=10_000), "$.renditions[0]"),
        (of(fit="stretch"), "$.renditions[0].fit"),
        (of(gravity="up"), "$.renditions[0].gravity"),
        (of(chroma=422), "$.renditions[0].chroma"),
        (of(format="heic"), "$.renditions[0].format"),
        (of(crop={"left": 0, "top": 0, "width": 1}), "$.renditions[0].crop.height"),
        (of(crop={"left": -1, "top": 0, "width": 1, "height": 1}), "$.renditions[0].crop.left"),
        (of(rotate=361), "$.renditions[0].rotate"),
        (of(blur=-1), "$.renditions[0].blur"),
        (of(sharpen=11), "$.renditions[0].sharpen"),
        (of(background="red"), "$.renditions[0].background"),
        (of(quality=101), "$.renditions[0].quality"),
        (of(lossless="yes"), "$.renditions[0].lossless"),
        (of(watermark={"name": "logo"}), "$.renditions[0].watermark.name"),
        (of(watermark={}), "$.renditions[0].watermark.name"),
        (of(watermark={"name": "logo", "opacity": 1.1}), "$.renditions[0].watermark.opacity"),
        (of(watermark={"name": "logo", "gravity": "up"}), "$.renditions[0].watermark.gravity"),
        (of(colour="red"), "$.renditions[0].colour"),
        (of(keep=["exif", "gps"]), "$.renditions[0].keep[1]"),
        (of(keep="exif"), "$.renditions[0].keep"),
        (of(profile="rgb"), "$.renditions[0].profile"),
        (of(original_if_smaller=1), "$.renditions[0].original_if_smaller"),
        ({"placeholder": []}, "$.renditions"),
        ({"placeholder": "lqip"}, "$.placeholder"),
        ({"placeholder": ["thumbhash", "blur"]}, "$.placeholder[1]"),
        ({"placeholder": ["lqip"] * 4}, "$.placeholder"),
        ({"info": False}, "$.renditions"),
        ({"info": []}, "$.info"),
        ({"info": "location"}, "$.info"),
        ({"info": ["place"]}, "$.info[0]"),
        ({"palette": 5}, "$.renditions"),
        (of() | {"palette": 5}, "$.palette"),
        ({"info": True, "palette": 1}, "$.palette"),
        ({"info": True, "palette": 17}, "$.palette"),
    ],
)
def test_a_fault_names_its_place_in_text_and_object(recipe: object, path: str) -> None:
    for source in (recipe, json.dumps(recipe), json.dumps(recipe).encode()):
        with pytest.raises(BadRecipe) as fault:
            parse(source)
        assert (fault.value.path, fault.value.members["path"]) == (path, path)


def test_a_wrong_word_is_answered_with_the_right_ones() -> None:
    with pytest.raises(BadRecipe, match="inside, cover, cover-down, contain, fill, outside"):
        parse(of(fit="crop"))
    with pytest.raises(BadRecipe, match="copyright, density, exif, iptc, location, xmp"):
        parse(of(keep=["gps"]))


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (of(name="Große"), "$.renditions[0].name: use 1 to 32 characters of a-z, 0-9, - and _,"),
        (of(watermark=[{"name": "A B"}]), "$.renditions[0].watermark[0].name: use 1 to 32 characters"),
        (of(ratio="16x9"), "as 16:9 or 1.91:1, not '16x9'"),
        (of(background="red"), "hex digits (0-9, a-f, A-F), blur, mirror or dominant, not 'red'"),
        (of(trim={"background": "blur"}), "$.renditions[0].trim.background: use #rrggbb or #rrggbbaa in hex digits"),
        (of(name="x" * 90), f"a digit, not '{'x' * 59}…"),
    ],
)
def test_a_text_of_other_characters_is_refused_in_words_and_shown(recipe: object, says: str) -> None:
    text = json.dumps(recipe)
    for source in (recipe, text, text.encode(), text + "}"):
        with pytest.raises(BadRecipe) as fault:
            parse(source)
        assert source == text + "}" or says in fault.value.detail
        assert "regex" not in fault.value.detail and "\\A" not in fault.value.detail


def test_a_recipe_may_ask_for_facts_alone() -> None:
    for source in ({"info": True}, {"info": ["location"], "palette": 5}):
        asked = parse(source)
        assert asked.asks_facts and asked.renditions == ()
        assert json.loads(canonical(asked)) == source
        assert parse(canonical(asked)) == asked
    assert not parse(of()).asks_facts
    assert "info" not in canonical(parse(of() | {"info": False}))


def test_a_recipe_may_ask_for_placeholders_alone_each_once() -> None:
    asked = parse({"placeholder": ["lqip", "thumbhash", "lqip"]})
    assert (asked.renditions, asked.placeholder) == ((), ("thumbhash", "lqip"))
    assert canonical(asked) == '{"placeholder":["thumbhash","lqip"]}'
    assert parse(canonical(asked)) == asked
    with pytest.raises(BadRecipe, match="thumbhash, blurhash, lqip"):
        parse({"placeholder": ["blur"]})


@pytest.mark.parametrize("text", ["", "{", b"\xff", "\ud800", "[" * 10_000, " " * (RECIPE_BYTES_MAX + 1)])
def test_what_is_no_json_is_a_bad_recipe(text: str | bytes) -> None:
    with pytest.raises(BadRecipe) as fault:
        parse(text)
    assert fault.value.path == "$"


@given(st.text() | st.binary())
def test_any_text_is_a_recipe_or_a_bad_one(text: str | bytes) -> None:
    with pytest.raises(BadRecipe):
        parse(text)


def test_the_defaults_are_those_of_the_api() -> None:
    (spec,) = parse(of()).renditions
    assert spec == RenditionSpec(
        name="a", fit="inside", gravity="center", enlarge=False, format="original", quality=None, chroma=420
    )


@pytest.mark.parametrize(
    ("asked", "same"),
    [
        (of(), of(fit="inside", width=None, rotate=0)),
        (of(rotate=-90), of(rotate=270.0)),
        (of(rotate=360), of()),
        (of(rotate=-1e-20), of()),
        (of(rotate=1e-20), of()),
        (of(rotate=-0.0, blur=-0.0, sharpen=-0.0), of()),
        (of(rotate=360, width=1), of(width=1)),
        (of(keep_metadata=True), of(keep=["exif"])),
        (of(format="avif", avif={"speed": 9}), of(format="avif", effort=1)),
        (of(png={}, webp={"exact": False}, avif={"speed": None}), of()),
        (of(keep=["xmp", "exif", "xmp"]), of(keep=["exif", "xmp"], keep_metadata=True)),
        (of(keep=[], keep_metadata=False), of()),
        (of(trim={"threshold": -0.0}), of(trim={"threshold": 0})),
        (
            of(watermark={"name": "logo", "opacity": -0.0, "digest": DIGEST}),
            of(watermark={"name": "logo", "opacity": 0, "digest": DIGEST}),
        ),
        (of(format="jpeg", quality=80), of(format="jpeg")),
        (of(format="avif", quality=60), of(format="avif")),
        (of(max_bytes=9, quality_min=30), of(max_bytes=9)),
        (of(max_bytes=9, quality=20, quality_min=20), of(max_bytes=9, quality=20)),
        (of(background="#FFAA00"), of(background="#ffaa00ff")),
    ],
)
def test_equal_wishes_have_one_text_and_one_digest(asked: object, same: object) -> None:
    assert canonical(parse(asked)) == canonical(parse(same))
    assert digest(parse(asked)) == digest(parse(same))


@pytest.mark.parametrize(
    "other", [of(quality=81), of(background="#ffffff"), of(background="#ffffff00"), of(width=1), of(quality=80)]
)
def test_other_wishes_have_another_digest(other: object) -> None:
    assert digest(parse(other)) != digest(parse(of()))


def test_canonical_is_sorted_without_defaults_and_read_back() -> None:
    mark = {"name": "logo", "gravity": "center", "opacity": 1, "digest": DIGEST}
    crop = {"left": 0, "top": 2, "width": 3, "height": 4}
    recipe = parse(of(width=5, crop=crop, blur=1, quality=None, watermark=mark, height=None))
    text = canonical(recipe)
    assert text == (
        '{"renditions":[{"blur":1.0,"crop":{"height":4,"left":0,"top":2,"width":3},"name":"a",'
        f'"watermark":{{"digest":"{DIGEST}","name":"logo"}},"width":5}}]}}'
    )
    assert parse(text) == recipe


def test_a_recipe_is_told_whole_and_one_of_another_release_is_not() -> None:
    recipe = parse(of(width=5, watermark={"name": "logo", "digest": DIGEST}))
    told = whole(canonical(recipe))
    assert told == as_dict(recipe)
    (spec,) = told["renditions"]
    assert list(spec) == list(RenditionSpec.__struct_fields__)
    assert set(spec["watermark"]) == set(Watermark.__struct_fields__)
    assert whole('{"renditions": [{"name": "a", "of_tomorrow": 1}]}') is whole("{}") is None


def test_our_presets() -> None:
    presets = load_presets(RECIPES.read_text())
    assert [(s.name, s.width, s.height, s.fit, s.format) for s in presets["default"].renditions] == [
        ("large", 1600, 1600, "inside", "webp"),
        ("thumb", 320, 320, "cover", "jpeg"),
    ]
    assert len(presets["web"].renditions) == 5


@pytest.mark.parametrize(("preset", "name"), [("web", "square"), ("avatar", "large"), ("avatar", "small")])
def test_our_squares_are_squares_of_small_originals_too(preset: str, name: str) -> None:
    (spec,) = [spec for spec in load_presets(RECIPES.read_text())[preset].renditions if spec.name == name]
    sides = shape(spec, Size(30, 400), 1).sides
    assert sides == (spec.width, spec.height) and spec.width == spec.height


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("", "presets"),
        ("[presets.web]\nrenditions = [{name = 'a'}]", "default"),
        ("[presets.default]\nrenditions = [{name = 'a', width = 0}]", r"'default', \$.renditions\[0\].width"),
        ("[presets.default]\nrenditions = [{name = 'a', blur = nan}]", "blur"),
        ("[presets.default]\nrenditions = [{name = 'a'}]\n[presets.'A b']\nrenditions = [{name = 'a'}]", "A b"),
        ("[presets.default]\nrenditions = [{name = 'a', watermark = {name = 'b'}}]", "no watermark 'b'"),
        ("[presets.default]\nrenditions = [{name = 'a'}]\n[watermark]", "watermark"),
        ("[presets.default]\nrenditions = [{name = 'a'}]\n[watermarks.x]", "path of an image"),
        ("[presets.default]\nrenditions = [{name = 'a'}]\n[watermarks]\n'A b' = 'x.png'", "A b"),
        ("watermarks = 'x.png'", "table"),
        ("presets = 1", "presets"),
        ("[presets", "no TOML"),
    ],
)
def test_a_faulty_presets_file_refuses_the_start(toml: str, says: str) -> None:
    with pytest.raises(SetupFault, match=says):
        load_presets(toml, watermark_paths(toml))


def test_a_watermark_is_resolved_to_its_digest_and_must_stay_that() -> None:
    recipe = parse(of(watermark={"name": "logo"}), {"logo": DIGEST, "other": OTHER})
    assert recipe.renditions[0].watermark == Watermark("logo", "center", 1.0, DIGEST)
    assert parse(canonical(recipe)) == recipe
    assert parse(canonical(recipe), {"logo": DIGEST}) == recipe
    with pytest.raises(BadRecipe, match=r"watermark\.digest.*another now"):
        parse(canonical(recipe), {"logo": OTHER})
    with pytest.raises(BadRecipe, match="use logo, other"):
        parse(of(watermark={"name": "logos"}), {"logo": DIGEST, "other": OTHER})


@pytest.mark.parametrize(
    ("written", "copied"),
    [
        ('[watermarks]\na = "/b/c.png" # "/b/c.png"\n', '[watermarks]\na = "d" # "d"\n'),
        ("[watermarks]\na = '/b/c.png'\n", '[watermarks]\na = "d"\n'),
        (r'watermarks = {a = "\u002fb/c.png", e = "/b/c.png.png"}', 'watermarks = {a = "d", e = "/b/c.png.png"}'),
        ("""# don't "\\q"\nwatermarks.a = "/b/c.png\"""", """# don't "\\q"\nwatermarks.a = "d\""""),
    ],
)
def test_a_watermarks_path_is_changed_and_nothing_else(written: str, copied: str) -> None:
    assert moved(written, {"/b/c.png": "d"}) == copied


def test_a_path_that_cannot_be_changed_is_said() -> None:
    with pytest.raises(SetupFault, match=r"write the paths \['/b/c.png'\] on one line, in one pair of quotes each"):
        moved("""[watermarks]\na = '''\n/b/c.png'''""", {"/b/c.png": "d"})


def test_a_path_with_quotes_is_written_so_that_it_is_read_again() -> None:
    to = 'd/"\\é\n.png'
    assert watermark_paths(moved('[watermarks]\na = "/b/c.png"', {"/b/c.png": to})) == {"a": to}


def _patterns(kind: Any) -> Iterator[str]:
    """All patterns of texts in a type."""
    if isinstance(kind, msgspec.inspect.StrType) and kind.pattern:
        yield kind.pattern
    for name in getattr(kind, "__struct_fields__", ()):
        inner = getattr(kind, name)
        for each in inner if isinstance(inner, tuple) else (inner,):
            yield from _patterns(each.type if isinstance(each, msgspec.inspect.Field) else each)


def test_each_pattern_of_a_recipe_is_told_in_words() -> None:
    found = {*_patterns(msgspec.inspect.type_info(AskedRecipe))}
    assert found == WORDS.keys(), "say in words what it allows: WORDS of jobs/recipes/values/patterns.py"
    for pattern, words in WORDS.items():
        with pytest.raises(msgspec.ValidationError) as fault:
            msgspec.convert("\0", Annotated[str, msgspec.Meta(pattern=pattern)])
        assert words_of(str(fault.value)) == words, "msgspec has another message"


def _unions(kind: Any) -> Iterator[msgspec.inspect.UnionType]:
    """All unions in a type."""
    if isinstance(kind, msgspec.inspect.UnionType):
        yield kind
    for name in getattr(kind, "__struct_fields__", ()):
        inner = getattr(kind, name)
        for each in inner if isinstance(inner, tuple) else (inner,):
            yield from _unions(each.type if isinstance(each, msgspec.inspect.Field) else each)


def test_no_union_has_what_msgspec_reads_from_the_wrong_place() -> None:
    """msgspec 0.22.0 corrupts memory where a union has an array of bounded length beside a text with a pattern, or one
    of a fixed length beside a bounded number or such a text."""
    found = [*_unions(msgspec.inspect.type_info(AskedRecipe))]
    assert len(found) > 10
    for union in found:
        fixed = any(isinstance(each, msgspec.inspect.TupleType) for each in union.types)
        arrays = fixed or any(isinstance(each, msgspec.inspect.CollectionType) for each in union.types)
        pattern = any(isinstance(each, msgspec.inspect.StrType) and each.pattern for each in union.types)
        number = any(isinstance(each, msgspec.inspect.IntType | msgspec.inspect.FloatType)
                     and not (each.ge is None is each.le) for each in union.types)  # fmt: skip
        assert not (arrays and pattern), union
        assert not (fixed and number), union


def test_a_stored_recipe_of_a_release_before_may_have_keys_that_do_nothing() -> None:
    text = '{"renditions":[{"format":"png","name":"a","quality":80,"width":20}]}'
    with pytest.raises(BadRecipe):
        parse(text)
    assert canonical(stored(text)) == text
    assert whole(text) == as_dict(stored(text))
    with pytest.raises(BadRecipe):
        stored('{"renditions":[{"name":"a","widht":80}]}')
