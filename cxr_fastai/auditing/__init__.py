"""The wing that looks at a curated folder before a score on it is believed."""
