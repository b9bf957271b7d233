"""Bugs in the threads that an event loop hands its waiting to."""

from torture.planted.mutant import Core, Mutant

THREADS = Core(
    "threads",
    "host/process",
    ("tests/unit/host/process/test_threads.py",),
    (
        Mutant(
            "one thread more than allowed",
            "threads.py",
            "min(self._count, self._under_way + 1)",
            "min(self._count + 1, self._under_way + 1)",
        ),
        Mutant(
            "one thread does all",
            "threads.py",
            "self._begun < min(self._count, self._under_way + 1)",
            "self._begun < min(1, self._under_way + 1)",
        ),
        Mutant(
            "all threads are begun at once",
            "threads.py",
            "self._begun < min(self._count, self._under_way + 1)",
            "self._begun < self._count",
        ),
        Mutant("what is done counts as under way", "threads.py", "        self._under_way -= 1\n", ""),
        Mutant("what is under way is not counted", "threads.py", "        self._under_way += 1\n", ""),
        Mutant(
            "threads that were begun are not counted",
            "threads.py",
            "            self._begun += 1\n",
            "            pass\n",
        ),
        Mutant(
            "a thread that did not begin counts",
            "threads.py",
            "        except RuntimeError:\n            if not self._begun:\n",
            "        except RuntimeError:\n            self._begun += 1\n            if self._begun == 1:\n",
        ),
        Mutant(
            "work is lost if no more threads begin",
            "threads.py",
            "            if not self._begun:\n                raise",
            "            raise",
        ),
        Mutant(
            "work waits for a thread that never comes",
            "threads.py",
            "            if not self._begun:\n                raise",
            "            return",
        ),
        Mutant("a thread holds the process up", "threads.py", "daemon=True", "daemon=False"),
        Mutant("threads have one name", "threads.py", 'f"{self._name}-{self._begun + 1}"', 'f"{self._name}-0"'),
        Mutant(
            "what was cancelled is done",
            "threads.py",
            "future.cancel if future.cancelled() else tried(future, work)",
            "tried(future, work)",
        ),
        Mutant(
            "what was cancelled stays under way",
            "threads.py",
            "            self._deliver(future, future.cancel if future.cancelled() else tried(future, work))\n",
            "            if not future.cancelled():\n                self._deliver(future, tried(future, work))\n",
        ),
        Mutant(
            "a thread keeps what it has done",
            "threads.py",
            "            del future, work  # what they hold goes now, and not with the next\n",
            "",
        ),
        Mutant(
            "a fault keeps its work",
            "threads.py",
            "        del future, work  # a fault's traceback has this frame: with the future that is a circle\n",
            "        pass\n",
        ),
        Mutant(
            "a closed loop ends the thread",
            "threads.py",
            "contextlib.suppress(RuntimeError)",
            "contextlib.suppress(KeyError)",
        ),
        Mutant(
            "a cancelled future is told",
            "threads.py",
            "        if not future.done():\n            outcome()",
            "        outcome()",
        ),
        Mutant(
            "a future is told in the thread",
            "threads.py",
            "future.get_loop().call_soon_threadsafe(self._done, future, outcome)",
            "self._done(future, outcome)",
        ),
        Mutant("the loop is not woken", "threads.py", "call_soon_threadsafe(", "call_soon("),
        Mutant(
            "a fault that is no Exception ends the thread",
            "threads.py",
            "except BaseException as fault:",
            "except Exception as fault:",
        ),
        Mutant(
            "a fault is returned",
            "threads.py",
            "partial(future.set_exception, fault)",
            "partial(future.set_result, fault)",
        ),
        Mutant(
            "what is returned is lost",
            "threads.py",
            "partial(future.set_result, work())",
            "partial(future.set_result, work() and None)",
        ),
    ),
)
