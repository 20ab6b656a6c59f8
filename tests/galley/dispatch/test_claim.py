from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from uuid import UUID

import pytest
from galley import dispatch, schedule
from galley.dispatch.policy import LEASE
from galley.domain.runs import AttemptState, FailureClass, RunKind, RunState
from galley.domain.tenants import Tenants
from galley.domain.work import Assignment, LeaseRequest
from galley.store import Store, tokens
from galley.store.records import TokenKind
from galley.store.tokens import HostIdentity

from tests.galley.world import START, TENANTS, World, tenants_with


def limited(**limits: object) -> Tenants:
    changed = TENANTS.tenants["lab"].limits.model_copy(update=limits)
    return tenants_with("lab", limits=changed)


def test_an_assignment_says_all_that_a_host_needs(world: World) -> None:
    version = world.live(profile="large", timeout_s=90)
    run = world.request(parameters={"rounds": 9})
    work = world.must_claim()

    assert (work.run, work.number, work.fencing) == (run.id, 1, 1)
    assert (work.kind, work.tenant, work.pipeline) == (RunKind.PIPELINE, "lab", "churn")
    assert (work.version, work.timeout_s) == (version.number, 90)
    assert (work.profile_name, work.profile.cpu) == ("large", 2)
    assert work.parameters["rounds"] == 9
    assert work.logical_date == run.logical_date
    assert work.scratch == world.tenant().limits.scratch
    assert work.project_url == f"/internal/v1/attempts/{work.attempt}/project"
    assert (work.tracking_path, work.experiment) == ("/services/mlflow/lab", "churn")
    assert work.lease_until == START + LEASE
    after = world.run(run.id)
    assert (after.state, after.attempt_count) == (RunState.LAUNCHING, 1)
    (attempt,) = after.attempts
    assert (attempt.state, attempt.host) == (AttemptState.LEASED, "h1")
    assert world.claim() is None


@pytest.mark.parametrize(
    ("own", "tenants", "given"), [(None, None, None), (None, 30.0, 30.0), (5.0, 30.0, 5.0)]
)
def test_a_cells_time_is_the_versions_or_else_the_tenants(
    world: World, own: float | None, tenants: float | None, given: float | None
) -> None:
    world.tenants = limited(cell_timeout=tenants, output=1000, cell_outputs=2000)
    world.live(cell_timeout_s=own)
    world.request()
    work = world.must_claim()
    assert work.cell_timeout_s == given
    assert (work.max_output, work.max_cell) == (1000, 2000)


def test_the_tokens_of_an_attempt_open_what_they_should(world: World) -> None:
    world.live()
    world.request()
    work = world.must_claim()
    run_token = world.read(lambda s: tokens.find(s, work.run_token, world.now))
    task_token = world.read(lambda s: tokens.find(s, work.task_token, world.now))
    assert run_token is not None
    assert task_token is not None
    assert (run_token.kind, task_token.kind) == (TokenKind.RUN, TokenKind.TASK)
    for token in (run_token, task_token):
        assert (token.tenant, token.attempt, token.rehearsal) == ("lab", work.attempt, False)

    world.start(work)
    world.finish(work)
    assert world.read(lambda s: tokens.find(s, work.task_token, world.now)) is None
    assert world.read(lambda s: tokens.find(s, work.run_token, world.now)) is not None
    world.later(hours=2)
    assert world.read(lambda s: tokens.find(s, work.run_token, world.now)) is None


def test_a_rehearsals_tokens_say_that_they_are_a_rehearsals(world: World) -> None:
    world.publish()
    work = world.must_claim(author="ana")
    token = world.read(lambda s: tokens.find(s, work.task_token, world.now))
    assert token is not None
    assert token.rehearsal
    assert work.person == "ana"
    world.live("other")
    world.request("other")
    assert world.must_claim().person is None, "a run of a pipeline has its tenant's rights"


def test_first_asked_first_served(world: World) -> None:
    world.live("one")
    world.live("two")
    asked = [world.request("two").id, world.request("one").id]
    assert [world.must_claim().run, world.must_claim().run] == asked


def test_a_tenants_host_serves_its_tenant_only(world: World) -> None:
    world.live()
    world.request()
    assert world.claim("play") is None
    assert world.claim("unknown") is None


def test_a_profile_may_have_scratch_of_its_own(world: World) -> None:
    profiles = world.tenant().profiles
    roomy = profiles["large"].model_copy(update={"scratch": 7 * 2**30})
    world.tenants = tenants_with("lab", profiles={**profiles, "large": roomy})
    world.live(profile="large")
    world.request()
    assert world.must_claim().scratch == 7 * 2**30
    assert "scratch" not in roomy.model_dump(), "it is no part of what is approved"


def test_concurrent_runs_are_limited(world: World) -> None:
    world.live()
    world.tenants = limited(concurrent_runs=2, cpu=99.0)
    for _ in range(3):
        world.request()
    first, _ = world.must_claim(), world.must_claim()
    assert world.claim() is None
    world.start(first)
    world.finish(first)
    assert world.claim() is not None


def test_cpu_and_memory_of_all_runs_are_limited(world: World) -> None:
    world.live("small")
    world.live("large", profile="large")
    world.request("small")
    world.request("large")
    world.request("small")
    first = world.must_claim()
    assert world.claim() is None  # 1 + 2 CPU > 2, and the small one behind does not overtake
    world.start(first)
    world.finish(first)
    assert world.must_claim().profile_name == "large"
    assert world.claim() is None

    world.tenants = limited(concurrent_runs=9, cpu=99.0, memory=2**31)
    assert world.claim() is None  # 2 GiB are taken
    world.tenants = limited(concurrent_runs=9, cpu=99.0, memory=3 * 2**30)
    assert world.claim() is not None


@pytest.mark.parametrize(
    ("tenants", "words"),
    [
        (
            tenants_with("lab", profiles={"small": TENANTS.tenants["lab"].profiles["small"]}),
            "'large' is not declared any more (there are: small)",
        ),
        (limited(cpu=1.0), "'large' is larger than the tenant's limits"),
    ],
)
def test_a_run_that_can_never_start_fails_and_holds_nobody_up(
    world: World, tenants: Tenants, words: str
) -> None:
    world.live("large", profile="large")
    world.live("small")
    broken = world.request("large")
    good = world.request("small")
    world.tenants = tenants
    assert world.must_claim().run == good.id
    run = world.run(broken.id)
    assert run.state is RunState.FAILED
    assert words in (run.state_reason or "")


def finds_work(world: World) -> bool:
    host = HostIdentity(tenant="lab")
    return world.read(lambda s: dispatch.finds_work(s, world.tenants, host, world.now))


def test_a_look_finds_only_what_a_claim_would_change(world: World) -> None:
    schedule_of = {"cron": "0 * * * *", "depends_on_past": True, "overlap": "skip"}
    world.live(schedule=schedule_of)
    assert not finds_work(world)
    world.later(hours=1)
    world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))
    assert finds_work(world)
    work = world.must_claim()
    world.start(work)
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER)
    world.later(hours=1)
    world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))
    assert not finds_work(world), "it waits for the past"
    world.tenants = limited(concurrent_runs=1)
    world.live("other", profile="large")
    first, second = world.request("other"), world.request("other")
    assert finds_work(world)
    assert world.must_claim().run == first.id
    assert not finds_work(world), "there is no room"
    world.tenants = tenants_with(
        "lab", profiles={"small": TENANTS.tenants["lab"].profiles["small"]}
    )
    assert finds_work(world), "it is to be failed"
    assert world.claim() is None
    assert world.run(second.id).state is RunState.FAILED


def test_a_run_that_backs_off_is_left_until_its_time(world: World) -> None:
    world.live()
    run = world.request()
    work = world.must_claim()
    world.start(work)
    world.finish(work, AttemptState.LOST)
    assert world.run(run.id).state is RunState.QUEUED
    assert world.claim() is None
    world.later(seconds=8)
    assert world.must_claim().number == 2


def claim_all(store: Store) -> list[UUID]:
    host = HostIdentity(tenant="lab")
    tenants = limited(concurrent_runs=1000, cpu=1000.0, memory=2**50)
    found: list[UUID] = []

    def one() -> Assignment | None:
        return store.write(
            lambda s: dispatch.claim(s, tenants, host, LeaseRequest(host="h"), START)
        )

    while (work := one()) is not None:
        found.append(work.run)
    return found


def claim_all_elsewhere(database: str, gate: Barrier, queue: Queue[list[UUID]]) -> None:
    store = Store(database)
    gate.wait()
    queue.put(claim_all(store))
    store.close()


def test_two_processes_and_two_stores_never_lease_one_run_twice(
    world: World, database: str
) -> None:
    world.live()
    wanted = {world.request().id for _ in range(40)}
    context = multiprocessing.get_context("spawn")
    queue, gate = context.Queue(), context.Barrier(4)
    processes = [
        context.Process(target=claim_all_elsewhere, args=(database, gate, queue)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    other = Store(database)
    here: list[UUID] = []

    def claim_here(store: Store) -> None:
        gate.wait()
        here.extend(claim_all(store))

    threads = [threading.Thread(target=claim_here, args=(one,)) for one in (world.store, other)]
    for thread in threads:
        thread.start()
    elsewhere = [run for _ in processes for run in queue.get(timeout=120)]
    for thread in threads:
        thread.join(60)
    for process in processes:
        process.join(60)
    other.close()

    assert len(here) + len(elsewhere) == len(wanted)
    assert {*here, *elsewhere} == wanted
