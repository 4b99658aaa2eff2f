"""`runserver`: Daphne's, that first brings the embedded database up to date."""

from daphne.management.commands.runserver import Command as DaphneCommand
from django.conf import settings
from django.core.management import call_command


class Command(DaphneCommand):  # type: ignore[misc]
    def check_migrations(self) -> None:
        """Migrate the embedded database; of one that was configured, only say what is missing."""
        if settings.EMBEDDED_DATABASE:
            call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        else:
            super().check_migrations()
