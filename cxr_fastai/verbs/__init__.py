"""What each verb of `cxr` runs; flags.py says what it understands."""
