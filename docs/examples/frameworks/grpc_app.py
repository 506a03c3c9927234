"""gRPC, without generated code: metadata carries the context, `abort` with a client's
fault is an answer."""

import os
import sys
from concurrent import futures

import grpc
from host import end_as_ctrl_c_does, set_up, trace_id

from telemetry_kit import Telemetry
from telemetry_kit.carriers import GrpcMetadata
from telemetry_kit.conventions import RPC_CLIENT, RPC_SERVER

telemetry = Telemetry("shop.stock")
METHOD = {"rpc.system": "grpc", "rpc.method": "shop.Stock/Get"}
STOCK = {b"oak-chair": b"7"}


@telemetry.operation(
    "shop.Stock/Get",
    convention=RPC_SERVER,
    carrier=lambda request, context: GrpcMetadata(context.invocation_metadata()),
    metric_attributes=METHOD,
    expected=lambda exc: type(exc) is Exception,  # what context.abort raises: an answer
)
def get(request: bytes, context: grpc.ServicerContext) -> bytes:
    if request not in STOCK:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such chair")
    return STOCK[request] + b" " + trace_id().encode()


def serve(port: int) -> None:
    workers = telemetry.wrap_executor(futures.ThreadPoolExecutor(4), name="grpc")
    server = grpc.server(workers)
    handlers = {"Get": grpc.unary_unary_rpc_method_handler(get)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("shop.Stock", handlers),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def ask(port: int, sku: bytes) -> bytes:
    """A client: its span goes into the metadata."""
    call = telemetry.operation(
        "ask for stock", convention=RPC_CLIENT, metric_attributes=METHOD
    )
    metadata = GrpcMetadata()
    with (
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        call.measure(carrier=metadata),
    ):
        return channel.unary_unary("/shop.Stock/Get")(
            sku, metadata=metadata.data, timeout=10, wait_for_ready=True
        )


if __name__ == "__main__":
    set_up("stock")
    end_as_ctrl_c_does()
    port = int(os.environ.get("PORT", "50051"))
    if sys.argv[1:]:
        with telemetry.span("client"):
            print(trace_id(), ask(port, sys.argv[1].encode()).decode())
    else:
        serve(port)
