"""Who this process is, to the others that serve the same chat."""

import os
import socket
from uuid import uuid4

PROCESS = f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid4().hex[:12]}"  # who holds our leases
