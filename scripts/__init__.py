"""What sets the program up, and what checks it. Needs nothing but Python itself."""
