"""Predicting with a bundle: predict, explain, onnx, app. Imports neither fastai nor pandas on the predict path."""
