"""FastAPI: the operation next to the handler, below the route; a raised 404 is an
answer, a stream is timed to its end."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from host import set_up, trace_id

from telemetry_kit import Telemetry
from telemetry_kit.conventions import not_server_error

telemetry = Telemetry("shop.web")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    shut_down = set_up("shop")  # in the worker, after any fork
    with telemetry.observe_event_loop():
        yield
    shut_down()  # uvicorn ends by the signal that stopped it, and runs no exit handlers


app = FastAPI(lifespan=lifespan)
PRICES = {"oak-chair": 120}


@app.get("/prices/{sku}")
@telemetry.operation("price", expected=not_server_error)
async def price(sku: str) -> dict[str, object]:
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
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        log_level="warning",
    )
