"""aiohttp: handlers are coroutine functions, and a raised HTTPNotFound is an answer."""

import os
from collections.abc import AsyncIterator

from aiohttp import web
from host import set_up, trace_id

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER

telemetry = Telemetry("shop.web")
routes = web.RouteTableDef()
PRICES = {"oak-chair": 120}


@routes.get("/prices/{sku}")
@telemetry.operation(
    "price",
    convention=HTTP_SERVER,
    carrier=lambda request: request.headers,
    metric_attributes={"http.request.method": "GET", "http.route": "/prices/{sku}"},
)
async def price(request: web.Request) -> web.Response:
    sku = request.match_info["sku"]
    if sku not in PRICES:
        raise web.HTTPNotFound  # an answer, no error of ours
    return web.json_response({"sku": sku, "price": PRICES[sku], "trace": trace_id()})


async def watch_the_loop(_: web.Application) -> AsyncIterator[None]:
    with telemetry.observe_event_loop():
        yield


if __name__ == "__main__":
    set_up("shop")
    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(watch_the_loop)
    web.run_app(
        app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), print=None
    )
