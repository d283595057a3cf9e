"""What models learn from: one file for each kind of data, and the catalogue of all of it."""
