"""`python -m cxr_fastai VERB`: the command `cxr`."""

import sys
from .cli import main

sys.exit(main())
