"""The audit of a folder and of a model on it: joins auditing, evaluation and training."""
