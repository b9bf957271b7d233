"""An upgrade from the release before to this tree, and back, under load: no job is lost and no request fails.

`python -m torture.upgrade [REF]`. Both releases run on one DATA, with the packages of this environment. releases.py has
the trees, scenarios.py the ways to replace one by the other.
"""
