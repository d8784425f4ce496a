"""Pictures of one person's motion over seconds. matplotlib is imported where a figure is begun, and not before."""
