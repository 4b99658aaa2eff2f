"""Who does not read what they are sent are not listened to, and not sent ever more."""

from types import SimpleNamespace

from twisted.internet.testing import StringTransport

from chat.protocol import TOO_SLOW
from chat.sockets import MOST_UNREAD, Socket, framed


class FullTransport(StringTransport):
    """Tells its producer how full it is, as a TCP connection does."""

    def fill(self) -> None:
        self.producer.pauseProducing()

    def drain(self) -> None:
        self.producer.resumeProducing()


class OpenSocket(Socket):
    """Notes what it was closed with; what it would send is in its transport."""

    def __init__(self) -> None:
        super().__init__()
        self.send_queue: list[bytes] = []
        self.state = self.STATE_OPEN
        self.closed: int | None = None
        self.transport = FullTransport()
        self.transport.registerProducer(SimpleNamespace(), streaming=True)  # of the request before
        self.client_addr = None
        self.request = SimpleNamespace(path="/ws/chat/")
        self.server = SimpleNamespace(log_action=lambda *_: None)
        self.onOpen()

    def sendMessage(self, payload: bytes, isBinary: bool) -> None:
        self.transport.write(payload)

    def sendCloseFrame(self, code: int) -> None:
        self.closed = code

    @property
    def is_read(self) -> bool:
        return bool(self.transport.producerState == "producing")


def joined() -> OpenSocket:
    socket = OpenSocket()
    socket.serverSend("ready")
    return socket


def test_nothing_is_read_before_the_first_frame_was_sent() -> None:
    socket = OpenSocket()
    assert not socket.is_read
    socket.serverSend("ready")
    assert socket.is_read


def test_who_may_not_come_in_can_still_answer_the_close() -> None:
    socket = OpenSocket()
    socket.serverClose(4404)
    assert socket.is_read


def test_full_line_is_not_read_from() -> None:
    socket = joined()
    socket.transport.fill()
    assert not socket.is_read


def test_line_is_read_from_again_once_it_is_empty() -> None:
    socket = joined()
    socket.transport.fill()
    socket.transport.drain()
    assert socket.is_read


def test_what_is_not_read_does_not_pile_up() -> None:
    socket = joined()
    socket.transport.fill()
    socket.serverSend("x" * MOST_UNREAD)
    assert socket.closed is None
    socket.serverSend("x")
    assert socket.closed == TOO_SLOW
    assert len(socket.transport.value()) == len(framed("ready")) + MOST_UNREAD


def test_who_reads_on_may_have_any_amount() -> None:
    socket = joined()
    for _ in range(3):
        socket.transport.fill()
        socket.serverSend("x" * MOST_UNREAD)
        socket.transport.drain()
    assert socket.closed is None
