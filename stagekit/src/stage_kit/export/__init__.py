"""Corrected records in the formats of other tools."""
