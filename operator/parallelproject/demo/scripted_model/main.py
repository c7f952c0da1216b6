"""``python -m parallelproject.demo.scripted_model.main SCRIPT.json``: serves a script until it is stopped."""

import asyncio
import json
import sys
from pathlib import Path

from parallelproject.demo.scripted_model.script import Script
from parallelproject.demo.scripted_model.server import ScriptedModel


async def serve(script: Script, port: int) -> None:
    """Serves a script on a port, and prints the address."""
    async with ScriptedModel(script, port) as model:
        print(model.url, flush=True)  # noqa: T201 - what the caller waits for
        while True:
            known = len(model.served)
            await asyncio.sleep(0.2)
            for row in model.served[known:]:
                print(json.dumps({"task": row.task, "step": row.step, "status": row.status}), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(
        serve(
            Script.of(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))),
            int(sys.argv[2]) if len(sys.argv) > 2 else 0,
        )
    )
