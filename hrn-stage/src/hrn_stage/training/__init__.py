"""Training and evaluating HRNet on labelled people."""
