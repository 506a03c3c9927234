"""FastAPI, complete in one file: spans leave as OTLP, and Prometheus scrapes
`/metrics`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from telemetry_kit import Telemetry
from telemetry_kit.conventions import not_server_error

telemetry = Telemetry("shop.web")
PRICES = {"oak-chair": 120}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    resource = Resource.create({"service.name": "shop"})
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(traces)
    numbers = MeterProvider([PrometheusMetricReader()], resource=resource)
    metrics.set_meter_provider(numbers)
    yield
    traces.shutdown()
    numbers.shutdown()


app = FastAPI(lifespan=lifespan)


@app.get("/prices/{sku}")
@telemetry.operation("price", expected=not_server_error)
async def price(sku: str) -> dict[str, object]:
    if sku not in PRICES:
        raise HTTPException(404)
    return {"sku": sku, "price": PRICES[sku]}


@app.get("/metrics", include_in_schema=False)
async def scraped() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
