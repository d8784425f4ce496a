"""A camera of the network: it sends the script's pictures as MJPEG by HTTP, and can be unplugged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2

from web_app.watch.script import play

FPS = 30


class Camera:
    """Its address, and its plug."""

    def __init__(self) -> None:
        self.plugged = threading.Event()
        self.plugged.set()
        self.opened = 0
        self.port = 0
        self._pictures = [
            cv2.imencode(".jpg", frame.picture[..., ::-1])[1].tobytes()
            for frame in play(seconds=4)
            if frame.number > 40
        ]

    @property
    def address(self) -> str:
        return f"http://me:secret@127.0.0.1:{self.port}/live"

    def send_to(self, handler: BaseHTTPRequestHandler) -> None:
        self.opened += 1
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        while self.plugged.is_set():
            for picture in self._pictures:
                if not self.plugged.wait(0):
                    return
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
                handler.wfile.write(head + picture + b"\r\n")
                handler.wfile.flush()
                threading.Event().wait(1 / FPS)


@contextmanager
def network_camera() -> Iterator[Camera]:
    camera = Camera()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                if camera.plugged.is_set():
                    camera.send_to(self)
                else:
                    self.send_error(503)
            except OSError:  # nobody watches any more
                pass
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    camera.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield camera
    finally:
        camera.plugged.clear()
        server.shutdown()
        server.server_close()
        serving.join(10)
