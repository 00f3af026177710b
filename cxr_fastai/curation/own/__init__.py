"""A folder or a csv of a user's own, read as a source and a recipe: no catalogue, no recipe file.

own_data     what both doors give: a Source, a Recipe, a Tree
folder       the door of class folders          table       the door of a csv
class_names  names of classes: those that are nearly equal, what they say in the vocabulary
"""
