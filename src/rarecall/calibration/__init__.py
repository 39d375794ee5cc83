"""Scores as probabilities: calibration maps, and what another prevalence does to them."""
