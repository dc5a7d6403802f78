"""The ledger: whatever workers do, every unit is done once and nothing is handed out that may not run.

The machine drives the ledger in memory and the one in Redis side by side, and compares every answer.
"""

from __future__ import annotations

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.in_redis import RedisLedger
from emstream.ledger.terms import MAX_ATTEMPTS, Answer, Found, JobShape, Ledger, Limits
from emstream.stages import Stage

SHAPE = JobShape(slabs=5, packages_per_slab=3)
LIMITS = Limits(window=4, run_ahead=2, lease_s=15, hint_s=5)
PREFIX = "test:"
stages = st.sampled_from(list(Stage))


@pytest.fixture(params=["memory", "redis"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return make_ledger(request, LIMITS)


def make_ledger(request: pytest.FixtureRequest, limits: Limits) -> Ledger:
    if request.param == "memory":
        return MemoryLedger(limits)
    client: redis.Redis = request.getfixturevalue("broker")
    client.flushdb()
    return RedisLedger(client, PREFIX, limits)


Pair = tuple[Hint, tuple[str, str]]


class LedgerMachine(RuleBasedStateMachine):
    """Two owners' jobs, workers that die, hints that are lost or doubled, tokens that are old.

    A claim's token is a pair: what memory gave, what Redis gave.
    """

    broker: redis.Redis
    hints = Bundle("hints")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.broker.flushdb()
        self.memory = MemoryLedger(LIMITS)
        self.redis = RedisLedger(self.broker, PREFIX, LIMITS)
        self.twins: tuple[Ledger, Ledger] = (self.memory, self.redis)
        self.now = 1000.0
        self.accepted: set[Hint] = set()
        self.failed: set[Hint] = set()
        self.cancelled: set[str] = set()
        self.restored: set[str] = set()
        self.jobs = {"a1": "anna", "a2": "anna", "b1": "ben"}
        for job, owner in self.jobs.items():
            assert all(twin.enter(job, owner) for twin in self.twins)

    @rule(target=hints, stage=stages, has_room=st.booleans(), most=st.sampled_from([None, 1]))
    def dispatch(self, stage: Stage, has_room: bool, most: int | None) -> Hint:
        sent, same = (twin.dispatch(stage, self.now, has_room, most) for twin in self.twins)
        assert sent == same
        assert len(sent) <= LIMITS.window
        assert not (stage is Stage.PREPROCESS and sent and not has_room)
        return sent[0] if sent else Hint(stage, "unknown", 0)

    @rule(target=claims, hint=hints, holder=st.sampled_from(["w1", "w2"]))
    def claim(self, hint: Hint, holder: str) -> Pair:
        lease, same = (twin.claim(hint, self.now, holder) for twin in self.twins)
        assert (lease.answer, lease.attempt, lease.deadline) == (same.answer, same.attempt, same.deadline)
        if hint in self.accepted and hint.job not in self.cancelled:
            assert lease.answer is Answer.DONE
        return hint, (lease.token or "none", same.token or "none")

    @rule(claim=consumes(claims))
    def complete(self, claim: Pair) -> None:
        hint, tokens = claim
        answer, same = (t.complete(hint, token, SHAPE) for t, token in zip(self.twins, tokens, strict=True))
        assert answer == same
        if answer is Answer.OK:
            assert hint not in self.accepted
            self.accepted.add(hint)

    @rule(claim=consumes(claims))
    def fail(self, claim: Pair) -> None:
        hint, tokens = claim
        answer, same = (t.fail(hint, token, "bad data") for t, token in zip(self.twins, tokens, strict=True))
        assert answer == same
        if answer is Answer.OK:
            self.failed.add(hint)

    @rule(claim=consumes(claims), reason=st.sampled_from(["", "the disk is slow"]))
    def release(self, claim: Pair, reason: str) -> None:
        hint, tokens = claim
        answer, same = (t.release(hint, token, reason) for t, token in zip(self.twins, tokens, strict=True))
        assert answer == same

    @rule(claim=claims)
    def renew(self, claim: Pair) -> None:
        hint, tokens = claim
        answer, same = (t.renew(hint, token, self.now) for t, token in zip(self.twins, tokens, strict=True))
        assert answer == same
        assert answer in (Answer.OK, Answer.STALE, Answer.CANCELLED)

    @rule(seconds=st.sampled_from([1.0, 6.0, 20.0]), quiet=st.sets(stages))
    def wait_and_sweep(self, seconds: float, quiet: set[Stage]) -> None:
        self.now += seconds
        taken, same = (twin.sweep(self.now, quiet) for twin in self.twins)
        assert sorted(map(str, taken)) == sorted(map(str, same))

    @rule(holder=st.sampled_from(["w1", "w2"]))
    def expire(self, holder: str) -> None:
        taken, same = (twin.expire(holder) for twin in self.twins)
        assert sorted(map(str, taken)) == sorted(map(str, same))

    @rule(job=st.sampled_from(["a2", "b1"]))
    def cancel(self, job: str) -> None:
        for twin in self.twins:
            twin.cancel(job)
        self.cancelled.add(job)

    @rule(unit=st.sampled_from([1, 2]))
    def add(self, unit: int) -> None:
        for twin in self.twins:
            twin.add("a1", unit)
        self.accepted.discard(Hint(Stage.FINISH, "a1", unit))

    @rule(job=st.sampled_from(["a2", "b1"]), slabs=st.sets(st.sampled_from(range(5))), results=st.sets(st.just(0)))
    def enter_again_from_the_disk(self, job: str, slabs: set[int], results: set[int]) -> None:
        found = Found(SHAPE, frozenset(slabs), frozenset({1, 4}), frozenset(results))
        for twin in self.twins:
            twin.forget(job)
            assert twin.enter(job, self.jobs[job], found)
        self.cancelled.discard(job)
        self.restored.add(job)
        done = {Hint(stage, job, unit) for stage, units in found.done().items() for unit in units}
        self.accepted = {hint for hint in self.accepted if hint.job != job} | done
        self.failed = {hint for hint in self.failed if hint.job != job}

    @invariant()
    def both_say_the_same_of_jobs_and_backlog(self) -> None:
        for job in self.jobs:
            assert self.memory.status(job) == self.redis.status(job)
        assert self.memory.at_work() == self.redis.at_work()
        assert self.memory.backlog() == self.redis.backlog()

    @invariant()
    def packages_come_after_their_slab_and_before_its_stitching(self) -> None:
        for hint in self.accepted:
            if hint.job == "a1" and hint.stage is Stage.INFERENCE:
                slab = hint.unit // SHAPE.packages_per_slab
                assert Hint(Stage.PREPROCESS, hint.job, slab) in self.accepted
            if hint.job == "a1" and hint.stage is Stage.POSTPROCESS:
                assert all(Hint(Stage.INFERENCE, hint.job, p) in self.accepted for p in SHAPE.packages_of(hint.unit))

    @invariant()
    def no_owner_reads_further_ahead_than_the_bound(self) -> None:
        """Slabs read, and neither predicted nor failed, of the jobs that were entered empty."""
        for owner in ("anna", "ben"):
            ahead = 0
            for job in (name for name, who in self.jobs.items() if who == owner and name not in self.restored):
                status = self.memory.status(job)
                assert status is not None
                settled = {h for h in self.accepted if h.job == job} | {Hint(s, job, u) for s, u in status.failed}
                read = {h.unit for h in self.accepted if h.job == job and h.stage is Stage.PREPROCESS}
                ahead += sum(
                    any(Hint(Stage.INFERENCE, job, package) not in settled for package in SHAPE.packages_of(slab))
                    for slab in read
                    if job not in self.cancelled
                )
            assert ahead <= LIMITS.run_ahead


@pytest.mark.slow(reason="drives both ledgers through fifty random histories of sixty calls")
def test_both_ledgers_give_the_same_answers_whatever_happens(broker: redis.Redis) -> None:
    LedgerMachine.broker = broker
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(max_examples=50, stateful_step_count=60, deadline=None, suppress_health_check=slow),
    )


def work_through(ledger: Ledger, job: str, stage: Stage, shape: JobShape = SHAPE) -> list[int]:
    """Claim and complete everything of a stage that may run now."""
    units = []
    while hints := [h for h in ledger.dispatch(stage, 0) if h.job == job]:
        for hint in hints:
            lease = ledger.claim(hint, 0)
            assert ledger.complete(hint, lease.token, shape) is Answer.OK
            units.append(hint.unit)
    return units


def test_an_undisturbed_job_runs_to_its_end_within_its_run_ahead(ledger: Ledger) -> None:
    ledger.enter("j", "o")
    assert work_through(ledger, "j", Stage.PLAN) == [0]
    assert work_through(ledger, "j", Stage.PREPROCESS) == [0, 1]
    assert work_through(ledger, "j", Stage.INFERENCE) == [0, 1, 2, 3, 4, 5]
    assert work_through(ledger, "j", Stage.POSTPROCESS) == [0, 1]
    assert work_through(ledger, "j", Stage.FINISH) == []
    for _ in range(2):
        for stage in (Stage.PREPROCESS, Stage.INFERENCE, Stage.POSTPROCESS):
            work_through(ledger, "j", stage)
    assert work_through(ledger, "j", Stage.FINISH) == [0]


def test_owners_take_turns(ledger: Ledger) -> None:
    for job, owner in (("big", "anna"), ("big2", "anna"), ("small", "ben")):
        ledger.enter(job, owner)
    assert [h.job for h in ledger.dispatch(Stage.PLAN, 0)] == ["big", "small", "big2"]


def test_a_zombie_is_fenced(ledger: Ledger) -> None:
    ledger.enter("j", "o")
    (hint,) = ledger.dispatch(Stage.PLAN, 0)
    old = ledger.claim(hint, 0)
    ledger.sweep(20)
    (again,) = ledger.dispatch(Stage.PLAN, 20)
    new = ledger.claim(again, 20)
    assert ledger.complete(hint, old.token, SHAPE) is Answer.STALE
    assert ledger.complete(again, new.token, SHAPE) is Answer.OK


def test_a_unit_that_kills_its_workers_is_given_up(ledger: Ledger) -> None:
    ledger.enter("j", "o")
    for attempt in range(MAX_ATTEMPTS):
        (hint,) = ledger.dispatch(Stage.PLAN, attempt * 100)
        assert ledger.claim(hint, attempt * 100).attempt == attempt + 1
        ledger.sweep(attempt * 100 + 50)
    assert ledger.dispatch(Stage.PLAN, 1000) == []
    status = ledger.status("j")
    assert status is not None
    assert "4 attempts" in status.failed[Stage.PLAN, 0]


def test_a_cancelled_job_hands_out_and_accepts_nothing(ledger: Ledger) -> None:
    ledger.enter("j", "o")
    (hint,) = ledger.dispatch(Stage.PLAN, 0)
    lease = ledger.claim(hint, 0)
    ledger.cancel("j")
    assert ledger.renew(hint, lease.token, 0) is Answer.CANCELLED
    assert ledger.complete(hint, lease.token, SHAPE) is Answer.CANCELLED
    assert ledger.claim(hint, 0).answer is Answer.CANCELLED
    assert ledger.dispatch(Stage.PLAN, 0) == []


def test_a_job_goes_on_from_what_the_disk_shows(ledger: Ledger) -> None:
    ledger.enter("j", "o", Found(SHAPE, frozenset({0, 1, 2}), frozenset({3, 4}), frozenset({0})))
    assert work_through(ledger, "j", Stage.INFERENCE) == [5, 6, 7, 8]
    assert work_through(ledger, "j", Stage.PREPROCESS) == [3, 4]
    assert work_through(ledger, "j", Stage.POSTPROCESS) == [1, 2]
    status = ledger.status("j")
    assert status is not None
    assert status.counts[Stage.POSTPROCESS] == (3, 5)


def test_a_failed_package_blocks_its_slab_only(ledger: Ledger) -> None:
    ledger.enter("j", "o", Found(JobShape(2, 2)))
    work_through(ledger, "j", Stage.PREPROCESS)
    (first, *others) = ledger.dispatch(Stage.INFERENCE, 0)
    assert ledger.fail(first, ledger.claim(first, 0).token, "it hurts") is Answer.OK
    for hint in others:
        ledger.complete(hint, ledger.claim(hint, 0).token)
    assert work_through(ledger, "j", Stage.POSTPROCESS) == [1]
    assert work_through(ledger, "j", Stage.FINISH) == [0]
    status = ledger.status("j")
    assert status is not None
    assert status.failed == {(Stage.INFERENCE, 0): "it hurts"}


def test_work_handed_back_is_no_attempt_unless_something_was_wrong(ledger: Ledger) -> None:
    ledger.enter("j", "o")
    for _ in range(6):
        (hint,) = ledger.dispatch(Stage.PLAN, 0)
        lease = ledger.claim(hint, 0)
        assert lease.attempt == 1
        ledger.release(hint, lease.token)
    for _ in range(MAX_ATTEMPTS):
        (hint,) = ledger.dispatch(Stage.PLAN, 0)
        ledger.release(hint, ledger.claim(hint, 0).token, "the disk is slow")
    status = ledger.status("j")
    assert status is not None
    assert status.failed == {(Stage.PLAN, 0): "the disk is slow"}


def test_a_dead_workers_leases_are_taken_back_at_once(ledger: Ledger) -> None:
    for job in ("j", "k"):
        ledger.enter(job, "o")
    one, two = ledger.dispatch(Stage.PLAN, 0)
    ledger.claim(one, 0, "w1")
    ledger.claim(two, 0, "w2")
    assert ledger.expire("w1") == [one]
    assert ledger.dispatch(Stage.PLAN, 0) == [one]


def test_a_hint_in_a_queue_that_is_not_empty_is_not_lost(ledger: Ledger) -> None:
    ledger.enter("j", "o")
    (hint,) = ledger.dispatch(Stage.PLAN, 0)
    assert ledger.sweep(100, quiet=()) == []
    assert ledger.sweep(100, quiet=(Stage.PLAN,)) == [hint]


def test_a_job_of_many_packages_is_entered_and_cancelled_at_once(broker: redis.Redis) -> None:
    broker.flushdb()
    large = RedisLedger(broker, PREFIX, LIMITS)
    large.enter("j", "o", Found(JobShape(20, 1000), frozenset(range(20))))
    before = broker.info("commandstats")
    large.cancel("j")
    commands = sum(c["calls"] for c in broker.info("commandstats").values()) - sum(c["calls"] for c in before.values())
    assert commands <= 4
    assert large.dispatch(Stage.INFERENCE, 0) == []
    large.forget("j")
    assert broker.keys(f"{PREFIX}ledger:*j*") == []
