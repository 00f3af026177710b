"""What a curation writes: split, manifest rows, images, tables, card, page; one run at a time."""
