"""Mail goes out after the answer: neither how long it takes nor that it fails tells of it."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

AT_A_TIME = 2

logger = logging.getLogger(__name__)
_postmen = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="mail")


class Outgoing(EmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        _postmen.submit(self._send, list(email_messages))
        return len(email_messages)

    def _send(self, messages: list[EmailMessage]) -> None:
        try:
            super().send_messages(messages)
        except Exception as error:  # whatever the server, or the way to it, raises
            logger.error("mail cannot be sent: %s", error)
