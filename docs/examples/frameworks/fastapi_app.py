"""FastAPI: the operation next to the handler, below the route; a raised 404 is an answer, a stream is timed to its end."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from host import set_up, trace_id

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER

telemetry = Telemetry("shop.web")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    set_up("shop")  # in the worker, after any fork
    with telemetry.observe_event_loop():
        yield


app = FastAPI(lifespan=lifespan)
PRICES = {"oak-chair": 120}


def route(method: str, path: str, name: str):
    """A route and its operation, in the order that measures: the operation is next to the function."""
    attributes = {"http.request.method": method, "http.route": path}
    operation = telemetry.operation(
        name, convention=HTTP_SERVER, carrier=lambda request, **_: request.headers, metric_attributes=attributes
    )
    return lambda handler: app.api_route(path, methods=[method])(operation(handler))


@route("GET", "/prices/{sku}", "price")
async def price(request: Request, sku: str) -> dict[str, object]:
    if sku not in PRICES:
        raise HTTPException(404)  # an answer, no error of ours
    return {"sku": sku, "price": PRICES[sku], "trace": trace_id()}


@telemetry.operation("rows")
async def rows() -> AsyncIterator[str]:
    for row in range(3):
        yield f"{row}\n"


@app.get("/export")
async def export() -> StreamingResponse:
    return StreamingResponse(rows())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), log_level="warning")
