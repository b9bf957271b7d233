"""Bugs in what the operations do to pixels: watermarks, corners, bars, colours; and in the choice of a format."""

from torture.planted.mutant import Core, Mutant

_MARKS, _CORNERS, _BARS, _COLOURS = "marks.py", "corners.py", "bars.py", "colours.py"
LOOKS = Core(
    "looks",
    "worker/images/looks",
    ("tests/unit/worker/images/looks",),
    (
        Mutant("tiles begin at their anchor", _MARKS, "start - (start + length - 1) // step * step", "start"),
        Mutant("one tile is missing", _MARKS, "range(first, end, step)", "range(first, end - step, step)"),
        Mutant("an offset goes outwards", _MARKS, '-x if "east" in', 'x if "east" in'),
        Mutant("a fraction is pixels", _MARKS, "if abs(distance) < 1 else 1", "if False else 1"),
        Mutant("a mark is never enlarged", _MARKS, "by = asked.scale * min(", "by = asked.scale * min(1, "),
        Mutant("spacing is forgotten", _MARKS, "size.width + asked.spacing[0]", "size.width"),
        Mutant("tiles are opaque", _MARKS, "[round(value * opacity)", "[round(value)"),
        Mutant("all corners are one", _CORNERS, "map(pixels, corners(asked))", "map(pixels, (corners(asked)[0],) * 4)"),
        Mutant("a radius passes the middle", _CORNERS, "min(round(length), side // 2)", "round(length)"),
        Mutant("alpha of a corner is replaced", _CORNERS, "ImageChops.multiply(alpha.crop(box), mask)", "mask"),
        Mutant("a lower corner is an upper one", _CORNERS, "            if top:\n", "            if False:\n"),
        Mutant("copies are not mirrored", _BARS, "copies = image, ImageOps.mirror(image)", "copies = image, image"),
        Mutant("rows are not mirrored", _BARS, "rows = row, ImageOps.flip(row)", "rows = row, row"),
        Mutant("the blurred copy is stretched", _BARS, "by = min(image.width", "by = max(image.width"),
        Mutant("a mirrored picture lies under itself", _BARS, "canvas.paste(CLEAR,", "canvas.copy().paste(CLEAR,"),
        Mutant(
            "hue turns the other way",
            _COLOURS,
            "cos * a - sin * b, sin * a + cos * b",
            "cos * a + sin * b, cos * b - sin * a",
        ),
        Mutant(
            "lightness comes before brightness",
            _COLOURS,
            "brightness * light + lightness",
            "brightness * (light + lightness)",
        ),
        Mutant("gamma darkens", _COLOURS, "(level / 255) ** (1 / gamma)", "(level / 255) ** gamma"),
        Mutant(
            "red rules all channels",
            _COLOURS,
            "for a, b in lines for level",
            "for a, b in lines[:1] * len(lines) for level",
        ),
        Mutant("clear pixels are normalised by", _COLOURS, "compress(band, alpha)", "band"),
        Mutant("black is tinted", _COLOURS, "weight = 1 - (light / 50 - 1) ** 2", "weight = 1"),
        Mutant(
            "percentiles are turned",
            _COLOURS,
            "for share in (asked.lower, asked.upper)",
            "for share in (100 - asked.upper, asked.upper)",
        ),
    ),
)
VARIANTS = Core(
    "variants",
    "web/views",
    ("tests/unit/web/views/test_variants.py",),
    (
        Mutant("a wildcard is AVIF", "variants.py", "each.format not in NEW or", "True or"),
        Mutant(
            "the worst comes first",
            "variants.py",
            'PREFERRED = ("avif", "webp", "png", "jpeg", "gif")',
            'PREFERRED = ("gif", "jpeg", "png", "webp", "avif")',
        ),
        Mutant(
            "nothing is better than new",
            "variants.py",
            "next(iter(wanted or able[::-1]), None)",
            "next(iter(wanted), None)",
        ),
        Mutant(
            "a size is told twice",
            "variants.py",
            "sizes.setdefault((unit, by), address)",
            "sizes[unit, by, address] = address",
        ),
        Mutant(
            "a name chooses by Accept",
            "variants.py",
            "            return each, False\n",
            "            return each, True\n",
        ),
    ),
)
