"""Bugs in the geometry of one rendition: sides, crops, turns and canvases."""

from torture.planted.mutant import Core, Mutant

SHAPES = Core(
    "shapes",
    "jobs",
    ("tests/unit/jobs/recipes/test_plan.py",),
    (
        Mutant(
            "cover fits inside",
            "recipes/shapes.py",
            'elif spec.fit in ("cover", "outside"):',
            'elif spec.fit == "outside":',
        ),
        Mutant(
            "outside fits inside",
            "recipes/shapes.py",
            'elif spec.fit in ("cover", "outside"):',
            'elif spec.fit == "cover":',
        ),
        Mutant("one side alone rules nothing", "recipes/shapes.py", "x = y = x if spec.width else y", "pass"),
        Mutant("the height alone is ignored", "recipes/shapes.py", "x = y = x if spec.width else y", "x = y = x"),
        Mutant("fill keeps the ratio", "recipes/shapes.py", 'if spec.fit != "fill":', "if True:"),
        Mutant("everything is enlarged", "recipes/shapes.py", "if not spec.enlarge:", "if False:"),
        Mutant("nothing is enlarged", "recipes/shapes.py", "if not spec.enlarge:", "if True:"),
        Mutant(
            "enlarge stops at the height",
            "recipes/shapes.py",
            "x, y = max(1.0, x), max(1.0, y)",
            "x, y = max(1.0, x), y",
        ),
        Mutant("sides are rounded down", "recipes/shapes.py", "math.floor(side + 0.5)", "math.floor(side)"),
        Mutant("sides are rounded half to even", "recipes/shapes.py", "math.floor(side + 0.5)", "round(side)"),
        Mutant(
            "the shrink passes the side",
            "recipes/shapes.py",
            "    x, y = min(x, size.width), min(y, size.height)\n",
            "",
        ),
        Mutant(
            "west is east",
            "recipes/shapes.py",
            '0 if "west" in gravity else free_x',
            '0 if "east" in gravity else free_x',
        ),
        Mutant("south is ignored", "recipes/shapes.py", 'free_y if "south" in gravity else', "0 if False else"),
        Mutant(
            "a cut's centre is rounded down",
            "recipes/shapes.py",
            "whole.height - cut.height, round_up=1)",
            "whole.height - cut.height, round_up=0)",
        ),
        Mutant(
            "a canvas's centre is rounded up",
            "recipes/shapes.py",
            "asked.height - size.height, round_up=0)",
            "asked.height - size.height, round_up=1)",
        ),
        Mutant(
            "a crop may reach one pixel outside",
            "recipes/shapes.py",
            "crop.left + crop.width > width or",
            "crop.left + crop.width > width + 1 or",
        ),
        Mutant("a crop's height is not judged", "recipes/shapes.py", " or crop.top + crop.height > height:", ":"),
        Mutant(
            "a crop is of the stored sides",
            "recipes/shapes.py",
            "width, height = seen = upright.size(stored)",
            "width, height = seen = stored",
        ),
        Mutant(
            "a crop is not turned back", "recipes/shapes.py", ".part(upright.undo(part)), Size(", ".part(part), Size("
        ),
        Mutant("a crop's sides are forgotten", "recipes/shapes.py", "Size(crop.width, crop.height)\n", "seen\n"),
        Mutant(
            "flips come before the quarter turn",
            "recipes/shapes.py",
            "upright.then(quarter).then(flips)",
            "upright.then(flips).then(quarter)",
        ),
        Mutant(
            "flip is flop",
            "recipes/shapes.py",
            "Turn(mirror=spec.flop, flip=spec.flip)",
            "Turn(mirror=spec.flip, flip=spec.flop)",
        ),
        Mutant(
            "a quarter turn does not swap what is fitted",
            "recipes/shapes.py",
            "_fit(spec, quarter.size(sides))",
            "_fit(spec, sides)",
        ),
        Mutant(
            "the shrink is not turned back",
            "recipes/shapes.py",
            "(shrink[1], shrink[0]) if turn.swap else shrink",
            "shrink",
        ),
        Mutant(
            "the size is not turned back",
            "recipes/shapes.py",
            "Shape(spec, box, turn.size(size), turn, shrink",
            "Shape(spec, box, size, turn, shrink",
        ),
        Mutant(
            "a tilt's corners are cut",
            "recipes/shapes.py",
            "math.ceil(sides.width * cos + sides.height * sin - 1e-9)",
            "math.floor(sides.width * cos + sides.height * sin - 1e-9)",
        ),
        Mutant(
            "a tilt forgets the flips",
            "recipes/shapes.py",
            "Tilt(spec.rotate, flips, window, size)",
            "Tilt(spec.rotate, Turn(), window, size)",
        ),
        Mutant(
            "a tilt counts the larger shrink",
            "recipes/shapes.py",
            "both = (min(shrink), min(shrink))",
            "both = (max(shrink), max(shrink))",
        ),
        Mutant(
            "a tilt is not laid on its canvas",
            "recipes/shapes.py",
            "both, tilt, _canvas(spec, size)",
            "both, tilt, None",
        ),
        Mutant(
            "a tilt takes the upright sides for the stored",
            "recipes/shapes.py",
            "Shape(spec, region, upright.size(sides), upright",
            "Shape(spec, region, sides, upright",
        ),
        Mutant(
            "a side may be one pixel too long",
            "recipes/shapes.py",
            "max(width, height) > SIDE_MAX or",
            "max(width, height) > SIDE_MAX + 1 or",
        ),
        Mutant(
            "only the width is judged", "recipes/shapes.py", "max(width, height) > SIDE_MAX or", "width > SIDE_MAX or"
        ),
        Mutant("the pixels are not judged", "recipes/shapes.py", " or width * height > OUTPUT_PIXELS_MAX:", ":"),
        Mutant(
            "a picture of the asked sides gets a canvas",
            "recipes/shapes.py",
            'if spec.fit != "contain" or size == asked:',
            'if spec.fit != "contain":',
        ),
        Mutant(
            "the canvas's sides are not told",
            "recipes/shapes.py",
            "        if self.canvas:\n            return self.canvas.size\n",
            "",
        ),
        Mutant(
            "axes are not swapped by two turns",
            "images/turns.py",
            "Turn(self.swap ^ other.swap,",
            "Turn(self.swap or other.swap,",
        ),
        Mutant(
            "a mirror before a swap stays one",
            "images/turns.py",
            "(self.flip, self.mirror) if other.swap else",
            "(self.mirror, self.flip) if other.swap else",
        ),
        Mutant(
            "an undone swap is not one",
            "images/turns.py",
            "return Box(top, left, bottom, right) if self.swap else Box(left, top, right, bottom)",
            "return Box(left, top, right, bottom)",
        ),
        Mutant("edges are outside", "images/turns.py", "self.right >= other.right", "self.right > other.right"),
        Mutant(
            "orientations 6 and 8 are mixed up",
            "images/turns.py",
            "Turn(_Y, _N, _N), Turn(_Y, _Y, _N), Turn(_Y, _Y, _Y), Turn(_Y, _N, _Y),",
            "Turn(_Y, _N, _N), Turn(_Y, _N, _Y), Turn(_Y, _Y, _Y), Turn(_Y, _Y, _N),",
        ),
    ),
)
