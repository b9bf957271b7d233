"""`python -m tests.simulation [SEED]`: one run, its summary as the last line. The same seed, the same run."""

import json
import sys

from tests.simulation.simulation import Simulation

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
print(json.dumps({"seed": seed, **Simulation(seed, jobs=1000, chaos_seconds=120.0).run()}))
