"""Bugs in the choice of a cut by what the pixels show."""

from torture.planted.mutant import Core, Mutant

_FILE = "attention.py"
ATTENTION = Core(
    "attention",
    "jobs/recipes/values",
    ("tests/unit/jobs/recipes/values/test_attention.py",),
    (
        Mutant("the middle does not count more", _FILE, "INNER_SHARES = (1.0, 2 / 3, 1 / 3)", "INNER_SHARES = (1.0,)"),
        Mutant("a mirror turns upside down", _FILE, "rows = [row[::-1] for row in rows]", "rows.reverse()"),
        Mutant("a turned grid keeps its sides", _FILE, "Grid(turn.size(grid.size), ", "Grid(grid.size, "),
        Mutant("a tilt goes the other way", _FILE, "(x * cos + y * sin) / sides", "(x * cos - y * sin) / sides"),
        Mutant("the last place is left out", _FILE, "range(steps // 2 + 1)", "range(1, steps // 2 + 1)"),
        Mutant("the farthest of equal ones wins", _FILE, "return drawn, -((2 * left", "return drawn, ((2 * left"),
        Mutant("a cut is judged by its corner", _FILE, "drawn = judge(left * x, top * y, (left + cut.width) * x,",
               "drawn = judge(left * x, top * y, (left + 1) * x,"),
        Mutant("parts of cells do not count", _FILE, "across, down = x - column, y - row", "across, down = 0.0, 0.0"),
        Mutant("entropy is order", _FILE, "return round(-1e6 *", "return round(1e6 *"),
        Mutant("cells in part have entropy", _FILE, "first, last = math.ceil(", "first, last = math.floor("),
    ),
)  # fmt: skip
