"""STUB of the lead, to be replaced by the errors engineer's."""
import traceback
class ErrorPolicy:
    def admit(self, exc, *, scope, operation, error_type): return 0
    def admit_failure(self, *, scope, operation, error_type): return 0
    def describe(self, exc, error_type, suppressed):
        return {"exception.type": error_type, "exception.message": str(exc), "exception.stacktrace": "".join(traceback.format_exception(exc))}
    def emit(self, span, scope, attributes, timestamp=None): span.add_event("exception", attributes)
    def emit_event(self, span, scope, name, attributes): span.add_event(name, attributes)
    def message(self, exc): return str(exc)
    def clean(self, text): return text
DEFAULT_POLICY = ErrorPolicy()
