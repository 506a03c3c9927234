"""The shop: an ASGI service whose handlers are decorated with telemetry_kit, and nothing else.

There is no SDK here and no exporter: whoever runs the service chooses them, or none. The same file runs in the demo
with an SDK, and by `python -m shop.service` without.
"""

import argparse
import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from shop.stock import PRODUCTS, OutOfStock, Stock
from shop.suppliers import CardDeclined, Payments, Ranker, RankerDown
from telemetry_kit import Telemetry, current_measurement

telemetry = Telemetry("shop", version="1.0.0")

KEPT_OPEN = 60
"""Seconds for which an idle connection stays open. uvicorn's 5 are over while a busy machine lets a client wait its turn."""
PATIENCE = 0.4
"""Seconds after which the payment provider is asked again."""
ATTEMPTS = 3


def headers(request: Request) -> Headers:
    """Where a caller's trace context is: the handler's spans continue it."""
    return request.headers


class Shop:
    """The handlers, over a database and two dependencies."""

    def __init__(self, stock: Stock, payments: Payments | None = None, ranker: Ranker | None = None) -> None:
        self.stock = stock
        self.payments = payments or Payments()
        self.ranker = ranker or Ranker()
        self.dispatch: Callable[[int, str], None] | None = None
        """Where an order goes from here (chapters/messages.py)."""

    @telemetry.operation("browse", kind=SpanKind.SERVER, carrier=lambda _, request: headers(request))
    def browse(self, request: Request) -> Response:
        """GET /products?q=oak"""
        found = self.stock.search(request.query_params.get("q", ""))
        current_measurement().set_attribute("search.results", len(found))
        return JSONResponse(found)

    @telemetry.operation(
        "product",
        kind=SpanKind.SERVER,
        carrier=lambda _, request: headers(request),
        span_attributes=lambda _, request: {"product.sku": request.path_params["sku"]},
    )
    def product(self, request: Request) -> Response:
        """GET /products/{sku}"""
        product = self.stock.product(request.path_params["sku"])
        return JSONResponse(product, status_code=404 if product is None else 200)

    @telemetry.operation("recommend", kind=SpanKind.SERVER, carrier=lambda _, request: headers(request))
    async def recommend(self, request: Request) -> Response:
        """GET /recommendations"""
        return JSONResponse(await self.rank(count=5))

    @telemetry.operation("rank", kind=SpanKind.CLIENT, arguments={"count": "ranker.count"})
    async def rank(self, count: int) -> list[str]:
        return await self.ranker.best(count, PRODUCTS)

    @telemetry.operation("checkout", kind=SpanKind.SERVER, carrier=lambda _, request: headers(request))
    async def checkout(self, request: Request) -> Response:
        """POST /orders {"sku": ..., "quantity": ..., "customer": ..., "method": "card" | "invoice"}"""
        order = await request.json()
        measurement = current_measurement()
        measurement.set_attribute("customer.id", order["customer"])
        measurement.set_metric_attribute("payment.method", order["method"])
        try:
            number = await asyncio.to_thread(self.reserve, order["sku"], order["quantity"], order["customer"])
            receipt = await self.charge(order["quantity"] * 1_000, order["method"])
            signature = await asyncio.to_thread(self.sign, receipt)
            if self.dispatch is not None:
                await asyncio.to_thread(self.dispatch, number, order["sku"])
        except CardDeclined:
            measurement.fail("card_declined")
            return JSONResponse({"error": "card declined"}, status_code=402)
        return JSONResponse({"order": number, "receipt": receipt, "signature": signature}, status_code=201)

    @telemetry.operation("reserve", arguments={"sku": "product.sku", "quantity": "order.quantity"})
    def reserve(self, sku: str, quantity: int, customer: str) -> int:
        return self.stock.reserve(sku, quantity, customer)

    @telemetry.operation("charge", arguments={"amount": "payment.amount"}, expected=CardDeclined)
    async def charge(self, amount: int, method: str) -> str:
        """Take the money; ask again where the provider doesn't answer."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await self.ask_provider(amount, method)
            except asyncio.TimeoutError:
                continue
        return await self.ask_provider(amount, method)

    @telemetry.operation(
        "ask-provider", kind=SpanKind.CLIENT, arguments={"method": "payment.method"}, expected=CardDeclined
    )
    async def ask_provider(self, amount: int, method: str) -> str:
        return await asyncio.wait_for(self.payments.charge(amount, method), PATIENCE)

    @telemetry.operation("sign")
    def sign(self, receipt: str) -> str:
        """A receipt that nobody can forge; dear by intention."""
        return hashlib.pbkdf2_hmac("sha256", receipt.encode(), b"shop", 8_000).hex()

    @telemetry.operation("export", span_attributes={"export.format": "csv"})
    async def rows(self) -> AsyncIterator[str]:
        for number, sku, quantity in await asyncio.to_thread(self.stock.purchases, 200):
            yield f"{number},{sku},{quantity}\n"

    async def export(self, request: Request) -> Response:
        """GET /orders.csv: a streamed answer, measured to its last row."""
        return StreamingResponse(self.rows(), media_type="text/csv")


def _unavailable(request: Request, problem: Exception) -> Response:
    return JSONResponse({"error": str(problem)}, status_code=503)


def application(shop: Shop) -> Starlette:
    """The ASGI application over these handlers."""
    return Starlette(
        routes=[
            Route("/products", shop.browse),
            Route("/products/{sku}", shop.product),
            Route("/recommendations", shop.recommend),
            Route("/orders", shop.checkout, methods=["POST"]),
            Route("/orders.csv", shop.export),
        ],
        exception_handlers={RankerDown: _unavailable, OutOfStock: _unavailable, asyncio.TimeoutError: _unavailable},
    )


def main() -> None:
    """Serve the shop on loopback, with no SDK: what the decorators do is then nothing, at almost no cost."""
    import uvicorn

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = application(Shop(Stock(Path(folder, "shop.db"))))
        uvicorn.run(app, port=options.port, log_level="warning", timeout_keep_alive=KEPT_OPEN)


if __name__ == "__main__":
    main()
