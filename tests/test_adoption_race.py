"""Two who log in at once as the same guest: one of them has what that guest wrote."""

import threading

import pytest
from django.db import connection
from django.test import Client

from chat import adoption
from chat.models import Assistant, Conversation, Message, User
from tests.test_adoption import visitor, wrote

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_logins_at_once_take_it_once() -> None:
    Assistant.objects.get_or_create(slug="assistant", defaults={"name": "Assistant"})
    client = Client()
    made = [wrote(client, key=str(number)) for number in range(3)]
    people = [User.objects.create_user(name) for name in ("alice", "bob")]
    guest, together, failed = visitor(client), threading.Barrier(2), list[Exception]()

    def adopt(account: User) -> None:
        try:
            together.wait()
            adoption.adopt(Client().session, guest, account)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=adopt, args=(account,)) for account in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    owners = {Conversation.objects.get(pk=one.pk).owner for one in made}
    assert len(owners) == 1
    assert set(Message.objects.by_people().values_list("person", flat=True)) == {
        owner.pk for owner in owners
    }
    assert not User.objects.filter(is_guest=True).exists()
