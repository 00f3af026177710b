"""`python -m cxr_fastai VERB`: the command `cxr`."""

import sys

from cxr_fastai.cli import main

sys.exit(main())
