#!/usr/bin/env python
"""Sources -> class folders and manifest.csv: the command `cxr curate`, from a checkout."""

import sys

from cxr_fastai.cli import curate_main

sys.exit(curate_main())
