"""An application without an SDK: it uses `exchange`, which is instrumented, and needs not know."""

import sys
import tempfile
from pathlib import Path

import exchange


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rates.csv")
        path.write_text("EUR,1\nUSD,1.10\nJPY,160\n", encoding="utf-8")
        rates = exchange.load(path)
    print(f"20 EUR are {rates.convert('20', 'EUR', 'USD')} USD")
    try:
        rates.convert("20", "EUR", "XXX")
    except exchange.UnknownCurrency as problem:
        print(f"no rate for {problem}")
    loaded = any(name.partition(".sdk")[0] == "opentelemetry" and ".sdk" in name for name in sys.modules)
    print(f"an SDK was {'' if loaded else 'never '}imported")


if __name__ == "__main__":
    main()
