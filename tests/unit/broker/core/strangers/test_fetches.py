"""broker/core/strangers/fetches.py: a job whose original is at an address goes to a courier first, then to a worker."""

from typing import Any

import msgspec
import pytest

from broker.core.strangers.fetches import FETCHES_PER_HOST, FETCHES_SHARE, JOBS_LOOKED
from jobs import wire
from jobs.figures.cluster import FETCHES, LAYOUT, RETRIES
from jobs.ids import original_name
from jobs.job import Code, Original, Spec, State, decode_outcome, decode_spec, encode, original_of
from jobs.lanes import HEAVY, LARGE, SMALL, size_of
from jobs.recipes.recipe import canonical, content_of, parse
from jobs.retry import FETCH_SECONDS_FIRST, FETCH_SECONDS_MAX, FETCH_TRIES_MAX, LOSSES_MAX
from jobs.tenants import TenantLimits
from tests.properties.harness import DispatcherHarness, new_job, ready
from tests.unit.broker.core.test_dispatcher import A, B

URL = "https://cdn.example/a.png?sig=secret"
RECIPE = canonical(parse({"renditions": [{"name": "thumb", "width": 20}]}))
DIGEST = "ab" * 32
SLOTS = 8


def spec_of(job: str, recipe: str = RECIPE, source: str | None = URL) -> bytes:
    original = Original(original_name(job), "", 0, 0, 0, "cd" * 32)
    return encode(Spec("a.png", None, None, None, recipe, original, "t", 1, 0, source))


def job_at(job: str, **changed: Any) -> wire.NewJob:
    return new_job(job, **{"spec": spec_of(job), "fetch": True, "tenant": "t", **changed})


def courier(name: str = "c", slots: int = SLOTS, holding: list[wire.Held] | None = None) -> wire.Ready:
    return wire.Ready(name, name, 1, 0, "", holding or [], kind=wire.COURIER, slots=slots)


def landed(source: wire.Source, width: int = 40, height: int = 30) -> wire.Fetched:
    return wire.Fetched([wire.SourceFetched(source.job, source.lease, "png", width, height, 99, DIGEST, 1)])


class Bench(DispatcherHarness):
    """A dispatcher with a courier at A."""

    def __init__(self, **policy: Any) -> None:
        super().__init__(**policy)
        self.receive(A, courier())
        self.turn()

    def said(self, kind: type[Any], tick: bool = False) -> list[tuple[bytes, Any]]:
        """The messages of this kind in the next turn."""
        done = [(peer, message) for peer, message in self.turn(tick).sends if type(message) is kind]
        self.dispatcher.check()
        return done

    def fetch(self) -> wire.Source:
        """The one fetch of the next turn."""
        ((peer, message),) = self.said(wire.Fetch)
        assert peer == A
        (source,) = message.jobs
        return source  # type: ignore[no-any-return]

    def row(self, job: str) -> Any:
        return self.ledger.job(job)

    def events(self, job: str) -> list[str]:
        return [entry.event for entry in decode_outcome(self.row(job).outcome).timeline]


def test_its_trace_goes_to_the_courier_and_to_the_worker() -> None:
    bench = Bench()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    plain = job_at("j")
    spec = msgspec.structs.replace(decode_spec(plain.spec), trace=trace)
    bench.submit(msgspec.structs.replace(plain, spec=encode(spec)))
    source = bench.fetch()
    assert source.trace == trace
    bench.receive(A, landed(source))
    bench.receive(B, ready("w", capacity=1))
    ((_, assign),) = bench.said(wire.Assign)
    assert decode_spec(assign.jobs[0].spec).trace == trace


def test_it_is_fetched_then_assigned_with_its_original_and_never_with_its_address() -> None:
    bench = Bench(fetch_seconds=20.0, upload_bytes_max=1000)
    bench.submit(job_at("j"))
    source = bench.fetch()
    assert source == wire.Source("j", source.lease, URL, 20.0, 1000)
    assert bench.row("j").state == State.RUNNING
    bench.receive(A, landed(source))
    assert [said.leases for _, said in bench.said(wire.Settled)] == [[wire.LeaseRef("j", source.lease)]]
    row = bench.row("j")
    assert (row.state, row.attempts, size_of(bench.dispatcher.books.entries["j"].lane)) == (State.QUEUED, 0, SMALL)
    bench.receive(B, ready("w", capacity=1))
    ((peer, assign),) = bench.said(wire.Assign)
    (assignment,) = assign.jobs
    spec = decode_spec(assignment.spec)
    assert peer == B
    assert spec.source is None
    assert spec.original == Original(original_name("j"), "png", 40, 30, 99, DIGEST, 1)
    assert bench.events("j") == ["accepted", "fetching", "fetched", "assigned"]
    assert original_of(decode_spec(row.spec), decode_outcome(row.outcome)) == spec.original


def test_what_no_decoder_began_in_time_expires_fetched_or_not() -> None:
    bench = Bench(silence_seconds=1e6)
    bench.turn(tick=True)
    for job in ("fetched", "fetching"):
        bench.submit(job_at(job), request=job, expires_in=5.0)
        source = bench.fetch()
        if job == "fetched":
            bench.receive(A, landed(source))
            bench.turn()
    bench.now += 5.1
    bench.turn(tick=True)
    assert bench.row("fetched").code == "expired"
    assert bench.row("fetching").state == State.RUNNING
    bench.receive(A, landed(source))
    bench.turn()
    bench.now += 0.2
    bench.turn(tick=True)
    assert bench.row("fetching").code == "expired"
    bench.dispatcher.check()


def test_each_end_of_a_fetch_is_counted() -> None:
    bench = Bench(silence_seconds=1e6)

    def counted() -> dict[str, int]:
        bench.now += 1.0
        bench.turn(tick=True)
        figures = next(done.beat.figures for done in bench.last if done.beat and done.beat.figures)
        fetches, retries = LAYOUT.places(FETCHES), LAYOUT.places(RETRIES)
        found = {outcome: figures.cells[at] for (outcome,), at in fetches.items()}
        return found | {code: figures.cells[at] for (code,), at in retries.items() if figures.cells[at]}

    bench.submit(job_at("j"))
    for _ in range(LOSSES_MAX):
        failure = wire.Failure("j", bench.fetch().lease, "store_error", "the bucket is away")
        bench.receive(A, wire.Failed([failure]))
    assert counted() == {"fetched": 0, "retried": LOSSES_MAX - 1, "failed": 1, "store_error": LOSSES_MAX - 1}
    bench.submit(job_at("k"))
    bench.receive(A, wire.Failed([wire.Failure("k", bench.fetch().lease, "source_unreachable", "503")]))
    expected = {"fetched": 0, "retried": LOSSES_MAX, "failed": 1, "store_error": LOSSES_MAX - 1}
    assert counted() == expected | {"source_unreachable": 1}


def test_what_waits_for_its_next_fetch_expires_at_its_deadline() -> None:
    bench = Bench(silence_seconds=1e6)
    bench.turn(tick=True)
    bench.submit(job_at("j"), expires_in=60.0)
    begin = bench.now
    source = bench.fetch()
    failure = wire.Failure("j", source.lease, "source_unreachable", "503", retry_after=3600.0)
    bench.receive(A, wire.Failed([failure]))
    bench.turn()
    assert bench.row("j").state == State.DELAYED
    bench.now = begin + 59.0
    bench.turn(tick=True)
    assert bench.row("j").state == State.DELAYED
    bench.now = begin + 60.1
    assert bench.said(wire.Fetch, tick=True) == []
    assert bench.row("j").code == "expired"


def test_a_fetch_that_was_begun_by_a_decoder_does_not_expire() -> None:
    bench = Bench(silence_seconds=1e6)
    bench.turn(tick=True)
    bench.submit(job_at("j"), expires_in=5.0)
    bench.receive(A, landed(bench.fetch()))
    bench.receive(B, ready("w", capacity=1))
    ((_, assign),) = bench.said(wire.Assign)
    bench.receive(B, wire.Started([wire.Start("j", assign.jobs[0].lease, 0.0)]))
    bench.turn()
    bench.lose(B)
    bench.turn()
    bench.now += 9.0
    bench.turn(tick=True)
    assert (bench.row("j").state, bench.row("j").attempts) == (State.QUEUED, 1)


def test_without_a_courier_it_waits_and_no_worker_gets_it() -> None:
    bench = DispatcherHarness()
    bench.receive(B, ready("w", capacity=4))
    bench.submit(job_at("j"))
    assert not [said for _, said in bench.turn().sends if isinstance(said, wire.Assign | wire.Fetch)]
    bench.receive(A, courier())
    assert [type(said) for _, said in bench.turn().sends if isinstance(said, wire.Fetch)] == [wire.Fetch]


@pytest.mark.parametrize(("sides", "size"), [((40, 30), SMALL), ((2000, 1500), LARGE), ((9000, 9000), HEAVY)])
def test_its_size_is_that_of_its_head_and_recipe(sides: tuple[int, int], size: str) -> None:
    bench = Bench()
    recipe = canonical(parse({"renditions": [{"name": "a", "format": "avif"}]}))
    bench.submit(job_at("j", spec=spec_of("j", recipe)))
    bench.receive(A, landed(bench.fetch(), *sides))
    bench.turn()
    assert size_of(bench.dispatcher.books.entries["j"].lane) == size


def test_half_of_a_courier_s_slots_hold_fetches_and_couriers_share_them() -> None:
    bench = Bench()
    bench.receive(B, courier("d"))
    bench.submit(*(job_at(f"j{number}") for number in range(2 * SLOTS)))
    given = {peer: len(message.jobs) for peer, message in bench.said(wire.Fetch)}
    assert given == {A: SLOTS // FETCHES_SHARE, B: SLOTS // FETCHES_SHARE}


def at_host(host: str, *jobs: str, **changed: Any) -> list[wire.NewJob]:
    """These jobs, whose originals are at one host."""
    return [job_at(job, spec=spec_of(job, source=f"https://{host}/{job}.png"), **changed) for job in jobs]


def given(bench: Bench, tick: bool = False) -> list[str]:
    """The jobs whose fetches the next turn gives to couriers."""
    return [source.job for _, message in bench.said(wire.Fetch, tick) for source in message.jobs]


def test_a_slow_host_holds_four_slots_of_a_courier_and_others_go_past_it() -> None:
    bench = Bench()
    bench.receive(A, courier(slots=100))
    slow = [f"s{number}" for number in range(FETCHES_PER_HOST + 2)]
    bench.submit(*at_host("slow.example", *slow))
    assert given(bench) == slow[:FETCHES_PER_HOST]
    bench.submit(*at_host("Slow.Example:443", "s9"))
    assert given(bench) == []
    bench.submit(*at_host("fast.example", "f1"))
    assert given(bench) == ["f1"], "past those that wait before it"
    bench.submit(*at_host("slow.example", "t1", tenant="u"), *at_host("other.example", "t2", tenant="u"))
    assert given(bench) == ["t2"], "another tenant's"
    lease = bench.row("s0").lease
    bench.receive(A, wire.Failed([wire.Failure("s0", lease, "source_refused", "no")]))
    assert len(given(bench)) == 1, "a place is free"
    bench.receive(B, courier("d", slots=100))
    assert len(given(bench)) == 3, "each courier has its own four: here are all that wait"
    assert given(bench, tick=True) == []


def test_one_tenant_s_slow_host_stops_nobody_else_however_much_waits_there() -> None:
    bench = Bench(window=4 * JOBS_LOOKED)
    bench.receive(A, courier(slots=100))
    bench.submit(*at_host("slow.example", *(f"s{number}" for number in range(2 * JOBS_LOOKED))))
    assert len(given(bench)) == FETCHES_PER_HOST
    bench.submit(*at_host("fast.example", "f1"))
    assert given(bench) == [], "too far behind"
    for number in range(FETCHES_PER_HOST, FETCHES_PER_HOST + JOBS_LOOKED):
        bench.order(wire.Cancel("w", f"c{number}", f"s{number}"))
    assert given(bench) == ["f1"], "until those before it are cancelled"
    bench.submit(*at_host("fast.example", "f2", tenant="u"))
    assert given(bench) == ["f2"]
    others = [f"o{number}" for number in range(3 * FETCHES_PER_HOST)]
    for job in others:
        bench.submit(*at_host(f"{job}.example", job, tenant="u"))
    assert given(bench) == others, "also when it is the other tenant's turn"
    bench.submit(*at_host("fast.example", "f3", priority=0))
    assert given(bench) == ["f3"]


def busy_with_a_slow_host(**limits: TenantLimits) -> Bench:
    """A courier with room, and a tenant "t" whose next fetches none may have yet."""
    bench = Bench(tenants=limits)
    bench.receive(A, courier(slots=100))
    bench.submit(*at_host("slow.example", *(f"s{number}" for number in range(FETCHES_PER_HOST + 1))))
    assert len(given(bench)) == FETCHES_PER_HOST
    return bench


def test_past_a_slow_host_no_paused_tenant_s_fetch_is_given_until_the_resume() -> None:
    bench = busy_with_a_slow_host()
    bench.order(wire.Pause("w", "p", tenant="u"))
    bench.submit(*at_host("other.example", "u1", tenant="u"))
    assert given(bench) == []
    bench.order(wire.Resume("w", "p", tenant="u"))
    assert given(bench) == ["u1"]


def test_past_a_slow_host_no_full_tenant_s_fetch_is_given_until_one_of_its_jobs_ends() -> None:
    bench = busy_with_a_slow_host(u=TenantLimits(running_max=1), v=TenantLimits(running_max=0))
    bench.submit(*at_host("other.example", "u1", "u2", tenant="u"))
    bench.submit(*at_host("other.example", "v1", tenant="v"), request="v")
    assert given(bench) == ["u1"]
    assert given(bench) == []
    bench.receive(A, wire.Failed([wire.Failure("u1", bench.row("u1").lease, "source_refused", "no")]))
    assert given(bench) == ["u2"]


@pytest.mark.parametrize(
    "code", ["source_refused", "upload_too_large", "unsupported_type", "pixels_over_limit", "frames_over_limit"]
)
def test_a_refusal_ends_it_at_once(code: str) -> None:
    bench = Bench()
    bench.submit(job_at("j"))
    source = bench.fetch()
    bench.receive(A, wire.Failed([wire.Failure("j", source.lease, code, "no")]))
    bench.turn()
    row = bench.row("j")
    assert (row.state, row.code, row.attempts) == (State.FAILED, code, 0)


def test_a_source_that_gives_nothing_is_tried_five_times() -> None:
    bench = Bench()
    bench.submit(job_at("j"))
    waits = []
    for number in range(FETCH_TRIES_MAX):
        source = bench.fetch()
        bench.receive(A, wire.Failed([wire.Failure("j", source.lease, "source_unreachable", "nothing")]))
        bench.turn()
        row = bench.row("j")
        if number < FETCH_TRIES_MAX - 1:
            assert (row.state, row.code) == (State.DELAYED, None)
            waits.append(row.due_at - bench.offset - bench.now)
            bench.now += waits[-1] + 0.01
            bench.dispatcher.tick(bench.now, all_read=False)
    assert (row.state, row.code, row.attempts) == (State.FAILED, "source_unreachable", 0)
    for wait, most in zip(waits, (5.0, 20.0, 80.0, 320.0), strict=True):
        assert 0.74 * most < wait <= most


def test_a_source_may_ask_for_a_longer_wait_but_not_for_ever() -> None:
    for asked, wait in ((0.0, FETCH_SECONDS_FIRST), (600.0, 600.0), (1e6, FETCH_SECONDS_MAX)):
        bench = Bench()
        bench.submit(job_at("j"))
        source = bench.fetch()
        bench.receive(A, wire.Failed([wire.Failure("j", source.lease, "source_unreachable", "later", asked)]))
        bench.turn()
        waited = bench.row("j").due_at - bench.offset - bench.now
        assert 0.74 * wait < waited <= wait + 0.01


def test_a_lost_courier_costs_a_repeat_and_no_attempt() -> None:
    bench = Bench()
    bench.submit(job_at("j"))
    first = bench.fetch()
    bench.lose(A)
    bench.receive(B, courier("d"))
    ((peer, message),) = bench.said(wire.Fetch)
    assert peer == B and message.jobs[0].lease != first.lease
    bench.receive(A, courier(), landed(first))
    assert bench.row("j").state == State.RUNNING, "an answer under an old lease changes nothing"
    bench.receive(B, landed(message.jobs[0]))
    bench.turn()
    assert (bench.row("j").state, bench.row("j").attempts) == (State.QUEUED, 0)


def test_a_repeated_answer_is_settled_and_changes_nothing() -> None:
    bench = Bench()
    bench.submit(job_at("j"))
    source = bench.fetch()
    bench.receive(A, landed(source))
    bench.turn()
    before = bench.row("j")
    bench.receive(A, landed(source))
    assert [said.leases for _, said in bench.said(wire.Settled)] == [[wire.LeaseRef("j", source.lease)]]
    assert bench.row("j") == before


def test_an_answer_under_another_number_changes_nothing() -> None:
    bench = Bench()
    bench.submit(job_at("j"))
    source = bench.fetch()
    bench.receive(A, wire.Fetched([wire.SourceFetched("j", source.lease + 1, "png", 1, 1, 9, DIGEST)]))
    assert [said.leases for _, said in bench.said(wire.Settled)] == [[wire.LeaseRef("j", source.lease + 1)]]
    assert bench.row("j").state == State.RUNNING


def test_a_draining_courier_gets_no_fetch() -> None:
    bench = Bench()
    bench.receive(A, wire.Draining())
    bench.submit(job_at("j"))
    assert bench.said(wire.Fetch) == []


def test_a_worker_for_images_cannot_say_that_an_original_is_there() -> None:
    bench = Bench()
    bench.receive(B, ready("w", capacity=1))
    bench.submit(new_job("i"))
    ((_, assign),) = bench.said(wire.Assign)
    bench.receive(B, landed(wire.Source("i", assign.jobs[0].lease, URL, 1.0, 1)))
    bench.turn()
    assert bench.row("i").state == State.RUNNING
    assert decode_outcome(bench.row("i").outcome).sourced is None


def test_a_cancel_reaches_the_courier_and_its_answer_ends_the_job() -> None:
    bench = Bench()
    bench.submit(job_at("j"))
    source = bench.fetch()
    bench.order(wire.Cancel("w", "c", "j"))
    assert [said.leases for _, said in bench.said(wire.Abandon)] == [[wire.LeaseRef("j", source.lease)]]
    bench.receive(A, landed(source))
    bench.turn()
    assert bench.row("j").state == State.CANCELLED


def test_what_waits_for_a_courier_can_be_cancelled() -> None:
    bench = DispatcherHarness()
    bench.submit(job_at("j"))
    bench.turn()
    bench.order(wire.Cancel("w", "c", "j"))
    bench.turn()
    bench.dispatcher.check()
    assert bench.ledger.job("j").state == State.CANCELLED  # type: ignore[union-attr]


def test_after_a_restart_what_was_fetched_keeps_its_original_and_what_was_not_is_fetched() -> None:
    bench = Bench()
    bench.submit(job_at("old"))
    bench.receive(A, landed(bench.fetch()))
    bench.turn()
    bench.submit(job_at("new"))
    running = bench.fetch()
    bench.start()
    held = [wire.Held(running.job, running.lease, False)]
    bench.receive(A, courier(holding=held), landed(running))
    bench.receive(B, ready("w", capacity=1))
    assigned = [job for _, message in bench.said(wire.Assign) for job in message.jobs]
    assert {job.job for job in assigned} <= {"old", "new"}
    for job in assigned:
        assert decode_spec(job.spec).original.digest == DIGEST
    assert bench.row("new").state in (State.QUEUED, State.RUNNING)
    assert bench.dispatcher.books.entries["old"].content == content_of("t", DIGEST, RECIPE)


def test_a_requeue_fetches_again_what_never_came_and_no_more_what_did() -> None:
    bench = Bench()
    bench.submit(job_at("j"))
    source = bench.fetch()
    bench.receive(A, wire.Failed([wire.Failure("j", source.lease, "source_refused", "no")]))
    bench.turn()
    bench.order(wire.Requeue("w", "r1", "j"))
    again = bench.fetch()
    bench.receive(A, landed(again))
    bench.receive(B, ready("w", capacity=1))
    ((_, assign),) = bench.said(wire.Assign)
    bench.receive(B, wire.Failed([wire.Failure("j", assign.jobs[0].lease, Code.UNDECODABLE.value, "bad")]))
    bench.turn()
    bench.order(wire.Requeue("w", "r2", "j"))
    assert [peer for peer, _ in bench.said(wire.Assign)] == [B]


def test_a_pause_holds_fetches_too() -> None:
    bench = Bench()
    bench.order(wire.Pause("w", "p"))
    bench.submit(job_at("j"))
    assert bench.said(wire.Fetch) == []
    bench.order(wire.Resume("w", "q"))
    assert len(bench.said(wire.Fetch)) == 1


@pytest.mark.parametrize("fetches", [1, 3, 50])
def test_what_waits_for_a_courier_does_not_lengthen_the_forecast_of_a_worker(fetches: int) -> None:
    bench = DispatcherHarness(window=1)
    bench.submit(*(new_job(f"i{number}", tenant="t") for number in range(3)))
    bench.submit(*(job_at(f"f{number}") for number in range(fetches)), request="f")
    bench.turn(tick=True)
    (beat,) = [effects.beat for effects in bench.last if effects.beat is not None]
    assert beat.waiting is not None
    (view,) = beat.waiting.lanes
    assert view.lane.name == "s.t"
    assert 3 <= view.queued <= 4, "the split of what is only in the ledger is rounded"


def test_an_address_that_fits_no_message_fails_its_job() -> None:
    bench = Bench()
    bench.submit(job_at("j", spec=spec_of("j", source="https://a.example/" + "x" * wire.ADDRESS_CHARACTERS_MAX)))
    assert bench.said(wire.Fetch) == []
    assert (bench.row("j").state, bench.row("j").code) == (State.FAILED, "source_refused")


def test_a_spec_without_an_address_or_a_recipe_fails_and_harms_nobody() -> None:
    bench = Bench()
    bench.submit(
        job_at("a", spec=b"none"), job_at("b", spec=spec_of("b", source=None)), job_at("c", spec=spec_of("c", "{"))
    )
    bench.receive(A, landed(bench.fetch()))
    bench.turn()
    assert [(bench.row(job).state, bench.row(job).code) for job in "abc"] == [
        (State.FAILED, "source_refused"),
        (State.FAILED, "source_refused"),
        (State.FAILED, "operation_failed"),
    ]
    bench.dispatcher.check()
