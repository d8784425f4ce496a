"""What lies in a workspace, for the eye: entries of a gallery, pictures, videos, runs. Nothing is written there."""
