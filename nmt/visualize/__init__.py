"""Pictures of what a model has learnt, from arrays: nothing here needs TensorFlow."""
