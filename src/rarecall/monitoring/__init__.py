"""A model in use: whether its scores have drifted, and whether its promise still stands."""
