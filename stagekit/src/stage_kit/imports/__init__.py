"""What people corrected in other tools comes back into the records."""
