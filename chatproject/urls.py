"""The paths of the pages."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from chat import account_views as account
from chat import conversation_views as whole
from chat import offline_views as offline
from chat import room_views as rooms
from chat import views
from chat.api import short, v1

icon = RedirectView.as_view(url=static("chat/icon.svg"))  # where browsers look on every page

handler429 = account.too_many  # which allauth asks for

urlpatterns = [
    path("", views.home, name="home"),
    path("c/new/", views.new, name="new_conversation"),
    path("c/search/", whole.find, name="search"),
    path("c/import/", whole.take_in, name="import"),
    path("c/<uuid:id>/", views.conversation, name="conversation"),
    path("rooms/", rooms.all_rooms, name="rooms"),
    path("rooms/new/", rooms.new_room, name="new_room"),
    path("rooms/<slug:slug>/", views.room, name="room"),
    path("rooms/<slug:slug>/manage/", rooms.manage, name="manage_room"),
    path("rooms/<slug:slug>/close/", rooms.close, {"closed": True}, name="close_room"),
    path("rooms/<slug:slug>/open/", rooms.close, {"closed": False}, name="open_room"),
    path("rooms/<slug:slug>/people/<uuid:whom>/", rooms.act, name="act_in_room"),
    path("rooms/<slug:slug>/links/", rooms.create_link, name="create_link"),
    path("rooms/<slug:slug>/links/<int:link>/revoke/", rooms.revoke_link, name="revoke_link"),
    path("rooms/<slug:slug>/leave/", rooms.leave, name="leave_room"),
    path("s/<str:token>/", views.watch, name="link"),
    path("s/<str:token>/join/", rooms.invitation, name="invitation"),
    path("c/<uuid:id>/leave/", rooms.leave, name="leave"),
    path("c/<uuid:id>/links/", rooms.links_of, name="links"),
    path("c/<uuid:id>/links/<int:link>/revoke/", rooms.revoke),
    path("c/<uuid:id>/people/<uuid:whom>/remove/", rooms.remove),
    path("c/<uuid:id>/rename/", whole.rename, name="rename"),
    path("c/<uuid:id>/pin/", whole.pin, {"on": True}),
    path("c/<uuid:id>/unpin/", whole.pin, {"on": False}),
    path("c/<uuid:id>/archive/", whole.archive, {"on": True}),
    path("c/<uuid:id>/unarchive/", whole.archive, {"on": False}),
    path("c/<uuid:id>/delete/", whole.delete),
    path("c/<uuid:id>/restore/", whole.restore),
    path("c/<uuid:id>/export.json", whole.export_json),
    path("c/<uuid:id>/export.md", whole.export_markdown),
    path("forget-me/", views.forget_me, name="forget_me"),
    path("forgotten/", views.forgotten, name="forgotten"),
    path("name/", account.name, name="name"),
    path("accounts/", include("chat.account_urls")),
    path("docs", views.docs, name="docs"),
    path("manifest.webmanifest", offline.manifest, name="manifest"),
    path("service-worker.js", offline.service_worker),
    path("offline/", offline.offline, name="offline"),
    path("offline/chat/", offline.shell, name="shell"),
    path("api/v1/", v1.api.urls),
    path("api/", short.short_api("short").urls),
    path("admin/login/", account.admin_login),  # before the admin's own, which has no limits
    path("admin/", admin.site.urls),
    path("favicon.ico", icon),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
    path("", short.short_api("shortest").urls),
]
