#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatproject.settings")
    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError) as error:  # a database that is away, or not ready
        sys.exit(f"{error}\nIs the database up to date? python manage.py migrate")
    except UnicodeEncodeError:  # nothing of that can be stored
        sys.exit("an argument is not text: write it in UTF-8")
