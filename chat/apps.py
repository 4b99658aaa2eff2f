from django.apps import AppConfig
from django.core.checks import register

from chat.checks import ALWAYS, WHERE_IT_IS_SERVED, as_django_asks


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        for check in ALWAYS:
            register(as_django_asks(check), "chat")
        for check in WHERE_IT_IS_SERVED:
            register(as_django_asks(check), "chat", deploy=True)
