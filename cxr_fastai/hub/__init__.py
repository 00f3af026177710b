"""What goes to the Hugging Face Hub: a bundle or a curated folder, looked through first.

`push` is the road; bundle_files and data_files say what goes, send sends it.
"""
