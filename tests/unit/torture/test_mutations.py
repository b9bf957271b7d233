"""The planted bugs still have their places in the code, so that `make mutate` can plant each."""

import pytest

from torture.mutations import CORES, ROOT
from torture.planted.mutant import Core


@pytest.mark.parametrize("core", CORES, ids=[core.name for core in CORES])
def test_each_planted_bug_has_its_place_and_changes_a_file_that_can_be_read_still(core: Core) -> None:
    for mutant in core.mutants:
        source = (ROOT / core.folder / mutant.file).read_text()
        assert source.count(mutant.old) == 1, (
            f"{mutant.name}: {core.folder}/{mutant.file} has no such lines once any more. "
            f"Change the planted bug (torture/planted) as the code has them now: {mutant.old!r}"
        )
        if mutant.file.endswith(".js"):
            continue  # no test would pass with a module that cannot be read: each mutant must be caught by a value
        compile(source.replace(mutant.old, mutant.new), mutant.file, "exec")


@pytest.mark.parametrize("core", CORES, ids=[core.name for core in CORES])
def test_a_core_s_bugs_have_names_of_their_own_and_its_tests_exist(core: Core) -> None:
    names = [mutant.name for mutant in core.mutants]
    assert len(set(names)) == len(names)
    for path in (*core.tests, *core.properties):
        assert (ROOT / path).exists()
