# SPDX-License-Identifier: MIT
"""slm at a pseudo-terminal, as a person sits at it."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from harness import check, command


class Terminal:
    """STDOUT and STDERR may be file descriptors that go elsewhere."""

    def __init__(self, box, *words, stdout=None, stderr=None, environment=None):
        self.seen = b""
        self.at = 0  # what of it was waited for
        self.code = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if stdout is not None:
                os.dup2(stdout, 1)
            if stderr is not None:
                os.dup2(stderr, 2)
            os.chdir(box.path)
            os.execve(command(words)[0], command(words),
                      {**box.environment, "TERM": "xterm", **(environment or {})})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def read(self, seconds):
        """Whether something came."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += piece
        return bool(piece)

    def wait(self, text, seconds=30):
        """What came up to TEXT, which is looked for behind what was waited for before."""
        until = time.monotonic() + seconds
        text = text.encode() if isinstance(text, str) else text
        while (found := self.seen.find(text, self.at)) < 0:
            check(time.monotonic() < until and (self.read(0.2) or self.alive()),
                  "%r did not come" % text, self.seen[self.at:])
        got = self.seen[self.at:found]
        self.at = found + len(text)
        return got

    def alive(self):
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is None

    def type(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def end(self, seconds=10):
        """The status, when it has ended."""
        until = time.monotonic() + seconds
        while self.alive() and time.monotonic() < until:
            self.read(0.05)
        while self.read(0.05):
            pass
        check(self.code is not None, "it did not end", self.seen[-500:])
        return self.code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
