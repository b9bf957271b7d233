"""Bugs in the plan of an image: the scale, the order, and what derives from what."""

from torture.planted.mutant import Core, Mutant

PLAN = Core(
    "plan",
    "jobs/recipes",
    ("tests/unit/jobs/recipes/test_plan.py",),
    (
        Mutant(
            "a scale larger than the image",
            "plan.py",
            "for scale in scales if scale <= min(stored)",
            "for scale in scales",
        ),
        Mutant(
            "the smallest come first",
            "plan.py",
            "key=lambda one: -one.size.width * one.size.height",
            "key=lambda one: one.size.width * one.size.height",
        ),
        Mutant("the widest come first", "plan.py", "-one.size.width * one.size.height", "-one.size.width"),
        Mutant(
            "the smallest shrink does not rule the scale",
            "plan.py",
            "least = min((min(one.shrink) for one in shapes), default=math.inf)",
            "least = max((min(one.shrink) for one in shapes), default=math.inf)",
        ),
        Mutant(
            "the larger axis rules the scale",
            "plan.py",
            "least = min((min(one.shrink) for",
            "least = min((max(one.shrink) for",
        ),
        Mutant("a scale that fits exactly is not taken", "plan.py", "if scale <= least), 1)", "if scale < least), 1)"),
        Mutant("an animation's frames are chained", "plan.py", "shapes[:index] if chained else []", "shapes[:index]"),
        Mutant("nothing is chained", "plan.py", "shapes[:index] if chained else []", "[]"),
        Mutant(
            "a rendition may derive from a smaller one",
            "plan.py",
            "shapes[:index] if chained",
            "shapes[:index] + shapes[index + 1 :] if chained",
        ),
        Mutant("the largest that serves is the parent", "plan.py", "parent = min(able, key", "parent = max(able, key"),
        Mutant("the decoded box is not scaled", "plan.py", "Box(*(edge / scale for edge in one.box))", "Box(*one.box)"),
        Mutant(
            "a tilt derives from the result of another",
            "plan.py",
            "    if one.tilt:",
            "    if one.tilt and not larger:",
        ),
        Mutant("a tilt serves as a parent", "plan.py", "if parent.tilt or parent.spec", "if parent.spec"),
        Mutant(
            "a parent may have another space",
            "plan.py",
            "parent.spec.profile != child.spec.profile",
            "False",
        ),
        Mutant(
            "a tilt is of the asked sides",
            "plan.py",
            "Derivation(tilted(one, natural), None, decoded)",
            "Derivation(one, None, decoded)",
        ),
        Mutant("a parent's own part does not matter", "plan.py", " or not parent.box.contains(child.box):", ":"),
        Mutant(
            "a parent's box is not taken off",
            "plan.py",
            "left, top = parent.box.left, parent.box.top",
            "left, top = 0.0, 0.0",
        ),
        Mutant(
            "a parent is not stretched",
            "plan.py",
            "x = parent.size.width / (parent.box.right - parent.box.left)",
            "x = 1 / min(parent.shrink)",
        ),
        Mutant(
            "both axes have one scale",
            "plan.py",
            "y = parent.size.height / (parent.box.bottom - parent.box.top)",
            "y = x",
        ),
        Mutant(
            "a tilt's side of arithmetic is one too many",
            "plan.py",
            "return math.ceil(round(side, 6))",
            "return math.ceil(side)",
        ),
        Mutant(
            "a tilt's sides are rounded down", "plan.py", "return math.ceil(round(side, 6))", "return math.floor(side)"
        ),
        Mutant(
            "equal sizes are made twice",
            "plan.py",
            "    if parent.box == child.box and parent.size == child.size:\n        return True\n",
            "",
        ),
        Mutant(
            "equal sizes of other parts are one",
            "plan.py",
            "if parent.box == child.box and parent.size == child.size:",
            "if parent.size == child.size:",
        ),
        Mutant(
            "an enlarged one serves as a parent", "plan.py", "unlarged = min(parent.shrink) >= scale", "unlarged = True"
        ),
        Mutant(
            "one axis is enough to serve", "plan.py", "    return unlarged and all(\n", "    return unlarged and any(\n"
        ),
        Mutant("a parent may be hardly larger", "plan.py", "small / large >= DERIVE_RATIO_MIN", "small / large >= 1"),
    ),
)
