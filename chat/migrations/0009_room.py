"""Rooms as staff manage them: the table is that of conversations."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("chat", "0008_lobby"),)
    operations = (
        migrations.CreateModel(
            name="Room",
            fields=[],
            options={"proxy": True, "indexes": [], "constraints": []},
            bases=("chat.conversation",),
        ),
    )
