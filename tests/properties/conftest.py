"""The profile of torture/mutations.py: the first failure is enough, nobody reads its smallest form."""

from hypothesis import Phase, settings

settings.register_profile("mutants", phases=[Phase.generate])
