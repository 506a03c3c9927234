"""Flask: the operation below the route, the incoming context from the request's
headers."""

import os

import flask
from host import end_as_ctrl_c_does, set_up, trace_id

from telemetry_kit import Telemetry
from telemetry_kit.conventions import HTTP_SERVER

telemetry = Telemetry("shop.web")
app = flask.Flask(__name__)
PRICES = {"oak-chair": 120}


@app.get("/prices/<sku>")
@telemetry.operation(
    "price",
    convention=HTTP_SERVER,
    carrier=lambda sku: flask.request.headers,
    metric_attributes={"http.request.method": "GET", "http.route": "/prices/<sku>"},
)
def price(sku: str) -> dict[str, object]:
    if sku not in PRICES:
        flask.abort(404)  # an answer, no error of ours
    return {"sku": sku, "price": PRICES[sku], "trace": trace_id()}


if __name__ == "__main__":
    set_up("shop")
    end_as_ctrl_c_does()
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
