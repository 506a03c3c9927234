"""Django, in one file: the operation decorates the view, the incoming context is in
`request.headers`."""

import os
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import path
from host import end_as_ctrl_c_does, set_up, trace_id

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER

telemetry = Telemetry("shop.web")
PRICES = {"oak-chair": 120}


@telemetry.operation(
    "price",
    convention=HTTP_SERVER,
    carrier=lambda request, sku: request.headers,
    metric_attributes={"http.request.method": "GET", "http.route": "/prices/<sku>"},
)
def price(request: HttpRequest, sku: str) -> JsonResponse:
    if sku not in PRICES:
        raise Http404  # an answer, no error of ours
    return JsonResponse({"sku": sku, "price": PRICES[sku], "trace": trace_id()})


class Server(ThreadingMixIn, WSGIServer):
    """A request a thread: within one, wsgiref would take the exception that ends the
    process for the request's."""


urlpatterns = [path("prices/<sku>", price)]

if __name__ == "__main__":
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="not one",
        LOGGING_CONFIG=None,
    )
    django.setup()
    set_up("shop")
    end_as_ctrl_c_does()
    port = int(os.environ.get("PORT", "8000"))
    with make_server(
        "127.0.0.1", port, get_wsgi_application(), server_class=Server
    ) as server:
        server.serve_forever(poll_interval=0.05)
