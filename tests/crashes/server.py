"""A Spark Connect server in a process of its own: says where it is, and ends when its input does."""

import sys

from medallion_pipelines.session import connect_server
from medallion_pipelines.testing import QUICK_JVM

if __name__ == "__main__":
    print(connect_server(master="local[2]", extra_conf=QUICK_JVM), flush=True)
    sys.stdin.read()
