"""The web server: pages, API, files, and who may ask for them."""
