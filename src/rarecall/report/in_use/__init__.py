"""What the delivered model does in use: alarms, probabilities, subgroups, cases, the evidence."""
