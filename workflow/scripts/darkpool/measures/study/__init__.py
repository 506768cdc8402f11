"""Whether a score says anything about the price that follows, and the statistics that the answer takes."""
