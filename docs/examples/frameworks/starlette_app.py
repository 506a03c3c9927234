"""Starlette, which has no telemetry of its own: the operation is the server's span, and
continues its caller's trace."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from host import set_up, trace_id
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER

telemetry = Telemetry("shop.web")
PRICES = {"oak-chair": 120}


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    shut_down = set_up("shop")  # in the worker, after any fork
    with telemetry.observe_event_loop():
        yield
    shut_down()  # uvicorn ends by the signal that stopped it, and runs no exit handlers


@telemetry.operation(
    "price",
    convention=HTTP_SERVER,
    carrier=lambda request: request.headers,
    metric_attributes={"http.request.method": "GET", "http.route": "/prices/{sku}"},
)
async def price(request: Request) -> JSONResponse:
    sku = request.path_params["sku"]
    if sku not in PRICES:
        raise HTTPException(404)  # an answer, no error of ours
    return JSONResponse({"sku": sku, "price": PRICES[sku], "trace": trace_id()})


app = Starlette(routes=[Route("/prices/{sku}", price)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        log_level="warning",
    )
