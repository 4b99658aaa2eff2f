"""The room that everybody starts with."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def open_lobby(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rooms = apps.get_model("chat", "Conversation").objects
    rooms.create(kind="room", slug="lobby", title="Lobby", description="Everybody is welcome.")


class Migration(migrations.Migration):
    dependencies = (("chat", "0007_rooms"),)
    operations = (migrations.RunPython(open_lobby, migrations.RunPython.noop),)
