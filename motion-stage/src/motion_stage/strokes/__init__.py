"""Strokes of a racket told from half a second of a player's joints by LightGBM, which the extra `strokes` brings."""
