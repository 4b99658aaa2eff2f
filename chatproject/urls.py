"""The paths of the pages."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from chat import views

login = auth.LoginView.as_view(template_name="account/login.html", redirect_authenticated_user=True)

icon = RedirectView.as_view(url=static("chat/icon.svg"))  # where browsers look on every page

urlpatterns = [
    path("", views.home, name="home"),
    path("c/<uuid:id>/", views.conversation, name="conversation"),
    path("accounts/login/", login, name="account_login"),
    path("accounts/logout/", auth.LogoutView.as_view(), name="account_logout"),
    path("admin/", admin.site.urls),
    path("favicon.ico", icon),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
]
