"""The paths of accounts, called as django-allauth calls them: only those that have a page here."""

from allauth.account import views as allauth
from django.contrib.auth.decorators import login_required
from django.urls import path, re_path

from chat import account_views as views

KEY = r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$"

urlpatterns = [
    path("", views.account, name="account"),
    path("login/", views.login, name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    path("signup/", views.signup, name="account_signup"),
    path("inactive/", allauth.account_inactive, name="account_inactive"),
    path("reauthenticate/", login_required(allauth.reauthenticate), name="account_reauthenticate"),
    path("email/", allauth.email, name="account_email"),
    re_path(
        r"^confirm-email/(?P<key>[-:\w]+)/$", allauth.confirm_email, name="account_confirm_email"
    ),
    path("keys/", views.keys_of, name="api_keys"),
    path("keys/<int:id>/revoke/", views.revoke_key, name="revoke_key"),
    path("password/change/", allauth.password_change, name="account_change_password"),
    path("password/set/", allauth.password_set, name="account_set_password"),
    path("password/reset/", allauth.password_reset, name="account_reset_password"),
    path("password/reset/done/", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(KEY, allauth.password_reset_from_key, name="account_reset_password_from_key"),
    path(
        "password/reset/key/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
