"""Delivered models: a self-contained folder, prediction, export and the model card."""
