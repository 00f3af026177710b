"""Judge a trained bundle on a curated folder.

Bundle and manifest in, a report out; never trains, never curates.
"""
