"""Watch: a camera or a video, live, with the poses of the people in it and a log of who came and went."""
