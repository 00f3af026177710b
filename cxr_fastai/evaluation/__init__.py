"""Judge a trained bundle on a curated folder: bundle and manifest in, Report out; never trains, never curates."""
