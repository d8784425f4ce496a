"""Training and evaluation of Darknet networks; nothing of it is imported when people are detected."""
