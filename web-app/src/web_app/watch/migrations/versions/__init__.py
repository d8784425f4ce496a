"""One migration a change of the tables."""
