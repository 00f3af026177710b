"""Hooks of schemathesis: where the contract asks for a file's bytes, it gives films that are read.

SCHEMATHESIS_HOOKS=schemathesis_films, with tests/ on PYTHONPATH.
"""

import schemathesis
from hostile_films import film
from hypothesis import strategies as st

schemathesis.openapi.format("binary", st.sampled_from([film(seed=seed) for seed in range(3)]))
