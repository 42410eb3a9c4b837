"""Export: a bundle as a TensorFlow SavedModel that takes text and gives text, for programs that do not have nmt."""
