"""From any model's scores to findings: measures, their uncertainty, what the model does in use."""
