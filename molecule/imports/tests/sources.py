"""A web server for imports: files of a folder, and some paths at which it behaves badly."""

import functools
import http.server
import sys
import time

MEBIBYTE = bytes(1 << 20)


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/")
        if name == "half":
            self.send_response(200)
            self.send_header("Content-Length", str(2 * len(MEBIBYTE)))
            self.end_headers()
            self.wfile.write(MEBIBYTE)
        elif name == "trickle":
            self.send_response(200)
            self.send_header("Content-Length", str(len(MEBIBYTE)))
            self.end_headers()
            for _second in range(300):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(1)
        elif name == "forbidden":
            self.send_error(403)
        else:
            super().do_GET()


folder, address = sys.argv[1:]
http.server.ThreadingHTTPServer((address, 80), functools.partial(Handler, directory=folder)).serve_forever()
