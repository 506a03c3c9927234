"""The version, in the one place from which the package, the meter's scope and the documentation take it."""

VERSION = "0.1.0"
