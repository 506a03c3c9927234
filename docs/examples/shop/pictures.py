"""Pictures of products, resized in a pool of threads: Pillow lets go of the GIL, so two workers use two cores."""

import io
import random
from concurrent.futures import Future, ThreadPoolExecutor

from PIL import Image

from telemetry_kit import Telemetry

telemetry = Telemetry("shop.pictures")

WORKERS = 2
SIZES = ((480, 480), (160, 160), (64, 64))


class Pictures:
    """Takes uploads and makes of each what the shop's pages show. The pool is wrapped, and nothing else is measured."""

    def __init__(self, workers: int = WORKERS) -> None:
        self.pool = telemetry.wrap_executor(ThreadPoolExecutor(workers, "resize"), name="resize", span=True)

    @telemetry.operation("upload", arguments={"sku": "product.sku"})
    def upload(self, sku: str, photo: bytes) -> "Future[list[bytes]]":
        """Accept a photo; the answer doesn't wait for its smaller ones."""
        return self.pool.submit(thumbnails, photo)


def thumbnails(photo: bytes) -> list[bytes]:
    """The photo in every size of the shop's pages, as JPEG."""
    with Image.open(io.BytesIO(photo)) as picture:
        made = []
        for size in SIZES:
            small = picture.copy()
            small.thumbnail(size, Image.Resampling.LANCZOS)
            with io.BytesIO() as file:
                small.save(file, "JPEG")
                made.append(file.getvalue())
        return made


def photo(seed: int = 7, width: int = 800, height: int = 600) -> bytes:
    """A photo of nothing in particular: coarse noise made large."""
    noise = random.Random(seed).randbytes(32 * 24 * 3)
    with io.BytesIO() as file:
        Image.frombytes("RGB", (32, 24), noise).resize((width, height)).save(file, "JPEG")
        return file.getvalue()
