"""Corrections: a photo's people as an editor has them, written back into the records, and what follows from them."""
