"""movie.mp4: the source with raw and smoothed keypoints over it, and the speed below."""
