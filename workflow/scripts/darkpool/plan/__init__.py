"""What a run is asked for, which code stands behind its rules, and how far it is."""
