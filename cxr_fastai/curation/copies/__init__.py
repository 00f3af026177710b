"""Which files are one radiograph: Items in, fingerprints, links and groups of copies out."""
