"""Kafka and MongoDB for the demo and the tests: found where the user says, else in Docker, else started from pip.

with start_stack(Path("var/stack"), log_directory=Path("var/log")) as stack:
    stack.endpoints.kafka_bootstrap_servers, stack.endpoints.mongodb_uri
"""

from sandbox.stack.endpoints import Endpoints, Platform, Service, Source, StackSettings
from sandbox.stack.errors import StackError
from sandbox.stack.process import Control
from sandbox.stack.running import RunningStack, Stack, start_stack

__all__ = [
    "Control",
    "Endpoints",
    "Platform",
    "RunningStack",
    "Service",
    "Source",
    "Stack",
    "StackError",
    "StackSettings",
    "start_stack",
]
