"""`python -m shop.hosted`: the same shop, unchanged, in a process whose host has installed an SDK that exports by OTLP."""

from shop import sdk, service

if __name__ == "__main__":
    installed = sdk.from_environment()
    try:
        service.main()
    finally:
        installed.stop()
