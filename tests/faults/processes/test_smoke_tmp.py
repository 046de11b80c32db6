import asyncio, tempfile
from pathlib import Path
from tests.faults.processes.cluster import Cluster
from tests.faults.processes.clients import *
from tests.faults.processes.checker import *
import time
async def test_x():
    with tempfile.TemporaryDirectory(prefix="atdm-") as f:
        t=time.time()
        async with Cluster(Path(f), servers=2) as c:
            print("up", time.time()-t)
            book=Book()
            one=Client("b", list(c.urls.values()), book, Habits(), 0)
            told=[await one.request(None) for _ in range(3)]
            kept=await kept_rows(c,[x.run_id for x in told])
            async with clients_at_work(8, list(c.urls.values()), book, Habits(pause=0.05), 1):
                await asyncio.sleep(6)
            print(book.counts)
            v=await settle(c, book, kept, 20)
            print(v)
            await one.close()
            v.require()
