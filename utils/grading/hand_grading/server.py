"""Serve a local page on which a person grades answers, with the standard library's web server.

The page is below a secret path, so no cookie is needed that another site could exploit. Requests
with another host name and requests from other sites are refused. The answers are hostile: they are
cleaned before they get here, and the page's content security policy allows only its own script and
no external resources.
"""

from __future__ import annotations

import hmac
import http.server
import json
import re
import secrets
import socketserver
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from utils.grading.course.lateness import ExtensionsError
from utils.grading.course.scores import HandGrade
from utils.grading.course.settings import CourseError
from utils.grading.hand_grading.answers import Answers
from utils.grading.reports.report_data import in_full
from utils.grading.reports.templates import render

ADDRESS = "127.0.0.1"
HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")  # any port: it may be tunnelled
MAX_BODY = 200_000  # bytes of a request
SHOWN = 2 << 20  # characters; a longer answer gets its own page
POLICY = (
    "default-src 'none'; script-src {script}; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Server(http.server.ThreadingHTTPServer):
    """Serves the answers of one problem set.

    Args:
        load: opens the gradebook and reads the answers; called in the only thread that uses them.
        names: show the students' names.
        port: the port to listen on; 0 for any.

    Attributes:
        saved: number of times that points or comments were written.
    """

    daemon_threads = True

    def __init__(self, load: Callable[[], Answers], names: bool = False, port: int = 0) -> None:
        try:
            super().__init__((ADDRESS, port), Handler)
        except OSError as error:
            raise CourseError(
                f"port {port} cannot be used: {error.strerror}; leave out --port, or give another"
            ) from None
        self.secret = secrets.token_urlsafe(32)
        self.load, self.names = load, names
        self.saved = 0
        self.thread = ThreadPoolExecutor(1)  # the gradebook can be used in one thread only
        try:
            self.answers = self.do(load)
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Listen, without the library's DNS lookup of this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{ADDRESS}:{self.server_port}/{self.secret}/"

    def do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in the gradebook's thread and return the result."""
        return self.thread.submit(work, *arguments).result()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of a connection, such as a browser that disconnects."""

    def page(self, script: str) -> str:
        """Read the answers anew and return the page.

        Args:
            script: the nonce of the page's own script.
        """
        self.answers = self.do(self.load)
        return render(
            "hand_grading.html.j2",
            title=f"{self.answers.problem_set}: grading by hand",
            groups=[
                (question, [pair for pair in self.answers.by_key.items()
                            if pair[1].question is question])
                for question in self.answers.questions.values()
            ],
            names=self.names,
            script=script,
            shown=SHOWN,
            number=in_full,
        )  # fmt: skip

    def save(self, request: Any) -> dict[str, Any]:
        """Write the points and comment in a request; return the new state for the page.

        Raises:
            CourseError: it cannot be written; the message says what to do.
        """
        try:
            key, points, comment = request["answer"], request["points"], request["comment"]
            before = request["before"]
            seen = HandGrade(before["points"], before["comment"])
            texts = key, points, comment, seen.comment
            numbers = seen.points is None or type(seen.points) in (int, float)
            if not numbers or not all(isinstance(text, str) for text in texts):
                raise TypeError
            if self.answers.by_key[key].digest != request["text"]:
                raise CourseError("the student has handed in something else; reload the page")
        except (KeyError, TypeError):
            raise CourseError("this request is not one of the page's; reload the page") from None
        given = self.do(self.answers.save, key, points, comment, seen)
        self.saved += 1
        return {"points": given.points, "comment": given.comment, "unread": self.answers.unread()}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one browser."""

    server: Server
    server_version = "course"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds until an idle connection is closed

    def do_GET(self) -> None:
        """Send the page, or a single answer that is too long for it."""
        path = self._path()
        if path is None:
            return
        script = secrets.token_urlsafe(16)
        try:
            if path == "":
                text = self.server.page(script)
            elif one := self.server.answers.by_key.get(path.removeprefix("answer/")):
                text = render("hand_grading_answer.html.j2", title="An answer", answer=one)
            else:
                self._say(404, "there is no such page")
                return
        except (CourseError, ExtensionsError, OSError) as error:
            self._say(500, str(error))
            return
        self._send(200, text, "text/html", POLICY.format(script=f"'nonce-{script}'"))

    def do_POST(self) -> None:
        """Save points and a comment."""
        path = self._path()
        if path is None:
            return
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or path != "save":
            self._say(404, "there is no such page")
        elif not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > MAX_BODY:
            self._say(413, "this is too long to be saved; shorten the comment")
        else:
            try:
                request = json.loads(self.rfile.read(int(length)))
                said = json.dumps(self.server.save(request))
            except (CourseError, OSError, ValueError, RecursionError) as error:
                self._say(409, str(error))
            else:
                self._send(200, said, "application/json")

    def _path(self) -> str | None:
        """Return the path below the secret one; None if the request was refused."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        _, secret, path, *_ = [*self.path.partition("?")[0].split("/", 2), "", "", ""]
        if not HOST.fullmatch(host) or origin not in (None, f"http://{host}"):
            self._say(403, "only pages of this machine may ask; use the address in the terminal")
        elif not hmac.compare_digest(secret.encode(), self.server.secret.encode()):
            self._say(404, "there is no such page; use the address in the terminal")
        else:
            return path
        return None

    def _say(self, status: int, sentence: str) -> None:
        self.close_connection = True  # the rest of the request is not read
        self._send(status, sentence, "text/plain")

    def _send(self, status: int, text: str, kind: str, policy: str = "") -> None:
        data = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", policy or POLICY.format(script="'none'"))
        for name, value in (
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Do not log requests to the terminal."""
