"""Judge a trained bundle on a curated folder. Reads bundles and manifests, returns a Report; never trains, never curates."""
