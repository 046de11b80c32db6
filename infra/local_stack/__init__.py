"""The local stack: a real PostgreSQL, the target and the server on this machine, without Docker.

python -m infra.local_stack up|run|down|down-clean|ps|logs|migrate|smoke

with local_stack(folder) as stack:   # in tests and the demo; free ports, stopped at the end
    ...stack.api_url, stack.api_token
"""

from infra.local_stack.errors import StackError
from infra.local_stack.stack import Settings, Stack, local_stack, running_stack

__all__ = ["Settings", "Stack", "StackError", "local_stack", "running_stack"]
