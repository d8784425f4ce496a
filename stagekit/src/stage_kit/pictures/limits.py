"""How large a picture may be. A stranger's folder may hold anything."""

MAX_FILE_MB = 256  # million bytes; --max_file_mb sets another
MAX_PIXELS = 200_000_000
MAX_SIDE = 65_500  # pixels; JPEG, in which cuts and pictures are written, has no more
