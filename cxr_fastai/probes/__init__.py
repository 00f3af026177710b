"""What can be told of a film without looking at the lungs: features, cheap models, verdicts."""
