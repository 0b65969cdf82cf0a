"""Messages that several threads read for the first time at once."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys, threading, types
sys.setswitchinterval(1e-6)
from cictl.wire.codec import decode
FIELDS = "from cictl.wire.codec import Message\\nclass B(Message):\\n x: int = 0\\nclass A(Message):\\n b: 'list[B]'\\n c: 'B | None' = None"
for number in range(400):
    module = types.ModuleType(f"m{number}")
    sys.modules[module.__name__] = module
    exec(FIELDS, module.__dict__)
    threads = [threading.Thread(target=decode, args=(b'{"b": [{"x": 1}]}', module.A)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def test_a_kind_of_message_is_read_by_several_threads_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
