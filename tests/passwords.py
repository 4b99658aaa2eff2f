"""Passwords of tests protect nobody: they are hashed as ever, but in few rounds.

A million rounds, as Django has them, are a third of a second for each account and each log-in.
"""

from django.contrib.auth.hashers import PBKDF2PasswordHasher

PBKDF2PasswordHasher.iterations = 1_000
