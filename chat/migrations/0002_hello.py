"""The assistant and the two replies that everybody starts with."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

HELLO = "Hello from server!"


def say_hello(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    assistants = apps.get_model("chat", "Assistant").objects
    assistants.create(slug="assistant", name="Assistant", default=True)
    replies = apps.get_model("chat", "ScriptedReply").objects
    replies.create(name="greeting", trigger="greeting", text=HELLO, speed=30)
    replies.create(name="answer", trigger="message", text=HELLO, speed=30, priority=-100)


class Migration(migrations.Migration):
    dependencies = (("chat", "0001_initial"),)
    operations = (migrations.RunPython(say_hello, migrations.RunPython.noop),)
