"""The tests. A package, so that tests/app does not hide the program's own app."""
