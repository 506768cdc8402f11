"""What is measured from frames, arrays and numbers alone: no paths, no configuration, no clock."""
