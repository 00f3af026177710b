"""From raw sources to class folders and a manifest. Imports neither torch nor fastai."""
