"""Content-addressed stages: what a recipe's run is made of, what of it is missing, and the run itself."""
