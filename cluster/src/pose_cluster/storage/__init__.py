"""A workspace in an object store: what lies where, what is fetched and put, and a stage's run over it."""
