"""Predicting with a bundle: predict, explain, onnx, app.

The predict path imports neither fastai nor pandas.
"""
