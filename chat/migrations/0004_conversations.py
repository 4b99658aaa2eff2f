"""When people last wrote in their conversations, by which these are listed."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, Max, OuterRef, Subquery


def note_when_people_wrote(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    by_people = apps.get_model("chat", "Message").objects.filter(
        conversation=OuterRef("pk"), person__isnull=False
    )
    newest = by_people.order_by().values("conversation").annotate(at=Max("created")).values("at")
    apps.get_model("chat", "Conversation").objects.update(written=Subquery(newest))


class Migration(migrations.Migration):
    dependencies = (("chat", "0003_assistants"),)
    operations = (
        migrations.AddField(
            "conversation", "written", models.DateTimeField(editable=False, null=True)
        ),
        migrations.AddIndex(
            "conversation",
            models.Index(
                *("owner", "archived", F("pinned").desc(), F("written").desc(), F("id").desc()),
                name="in_the_list",
            ),
        ),
        migrations.RunPython(note_when_people_wrote, migrations.RunPython.noop),
    )
