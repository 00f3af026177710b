"""The training wing: a curated folder in, a bundle out. Meets the other wings only at manifest.csv and the bundle."""
