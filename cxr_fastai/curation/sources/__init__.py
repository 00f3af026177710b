"""What a source says of each of its files: catalogue and files in, Items and Rejects out."""
