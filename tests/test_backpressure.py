"""Who does not read what they are sent are not listened to, so they cannot ask for ever more."""

from types import SimpleNamespace

from twisted.internet.testing import StringTransport

from chat.sockets import Socket


class FullTransport(StringTransport):
    """Tells its producer how full it is, as a TCP connection does."""

    def fill(self) -> None:
        self.producer.pauseProducing()

    def drain(self) -> None:
        self.producer.resumeProducing()


def opened() -> FullTransport:
    socket, transport = Socket(), FullTransport()
    transport.registerProducer(SimpleNamespace(), streaming=True)  # of the request before
    socket.transport, socket.client_addr = transport, None
    socket.request = SimpleNamespace(path="/ws/chat/")
    socket.server = SimpleNamespace(log_action=lambda *_: None)
    socket.onOpen()
    return transport


def test_full_line_is_not_read_from() -> None:
    transport = opened()
    transport.fill()
    assert transport.producerState == "paused"


def test_line_is_read_from_again_once_it_is_empty() -> None:
    transport = opened()
    transport.fill()
    transport.drain()
    assert transport.producerState == "producing"
