"""The ledger in Redis: the truth while the service runs. See `ledger` for its terms, `lua/terms.lua` for its keys.

Five scripts change it: claim, renew, complete, dispatch, sweep; each runs whole or not at all. Entering, cancelling and
forgetting a job are transactions. One Redis or Valkey node (no cluster): scripts touch keys of several jobs. With its
keys lost, jobs are entered again from the disk, and the new epoch refuses tokens from before.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from importlib.resources import files
from typing import Any

import redis

from emstream.ledger.hints import Hint
from emstream.ledger.redis_client import all_named
from emstream.ledger.terms import (
    GIVEN_UP,
    MAX_ATTEMPTS,
    Answer,
    AtWork,
    Backlog,
    Found,
    JobShape,
    JobStatus,
    Lease,
    Limits,
    totals,
)
from emstream.settings import Settings
from emstream.stages import Stage

WITHOUT_BOUND = 1 << 30


def open_ledger(settings: Settings, client: redis.Redis) -> RedisLedger:
    """Return the ledger that the settings mean."""
    limits = Limits(settings.units_at_once, settings.run_ahead, settings.lease_s)
    return RedisLedger(client, settings.redis_prefix, limits)


@all_named
class RedisLedger:
    """See the module's text. Raises BrokerUnavailable where Redis does not answer; nothing is then half done."""

    def __init__(self, client: redis.Redis, prefix: str, limits: Limits | None = None) -> None:
        self._redis: Any = client  # the stubs give each answer as "awaitable or value"
        self._prefix = f"{prefix}ledger:"
        self._limits = limits or Limits()
        folder = files("emstream.ledger") / "lua"
        terms = (folder / "terms.lua").read_text()
        names = ("claim", "renew", "complete", "dispatch", "sweep")
        self._scripts = {n: client.register_script(terms + (folder / f"{n}.lua").read_text()) for n in names}

    def is_empty(self) -> bool:
        """Return whether Redis holds nothing of emstream's: it is new, or it lost its data."""
        return not self._redis.exists(self._key("epoch"))

    def begin(self) -> None:
        """Mark Redis as holding the ledger."""
        self._redis.set(self._key("epoch"), secrets.token_hex(4), nx=True)

    def enter(self, job: str, owner: str, found: Found | None = None) -> bool:
        """See Ledger."""
        found = found or Found()
        with self._redis.pipeline() as pipe:
            try:
                pipe.watch(self._key("job", job))
                if pipe.exists(self._key("job", job)):
                    return False
                is_new_owner = not pipe.sismember(self._key("owners"), owner)
                seq = pipe.incr(self._key("seq"))
                pipe.multi()
                self._write(pipe, job, owner, seq, found)
                if is_new_owner:
                    pipe.sadd(self._key("owners"), owner)
                    for stage in Stage:
                        pipe.lrem(self._key("turns", stage), 0, owner)
                        pipe.rpush(self._key("turns", stage), owner)
                pipe.execute()
            except redis.WatchError:
                return False
        return True

    def dispatch(self, stage: Stage, now: float, has_room: bool = True, most: int | None = None) -> list[Hint]:
        """See Ledger."""
        bound = WITHOUT_BOUND if most is None else most
        window, run_ahead = self._limits.window, self._limits.run_ahead
        names = self._call("dispatch", stage, now, window, run_ahead, int(has_room), bound)
        return [_hint(stage, name) for name in names]

    def claim(self, hint: Hint, now: float, holder: str = "") -> Lease:
        """See Ledger."""
        deadline = now + self._limits.lease_s
        said = self._call("claim", *_unit(hint), deadline, holder, secrets.token_hex(4), now)
        answer = Answer(said[0].decode())
        return Lease(answer, said[1].decode(), said[2], deadline, now) if answer is Answer.OK else Lease(answer)

    def renew(self, hint: Hint, token: str, now: float) -> Answer:
        """See Ledger."""
        return Answer(self._call("renew", *_unit(hint), token, now + self._limits.lease_s).decode())

    def complete(self, hint: Hint, token: str, shape: JobShape | None = None) -> Answer:
        """See Ledger."""
        return self._end(hint, token, "done", "", shape)

    def fail(self, hint: Hint, token: str, reason: str) -> Answer:
        """See Ledger."""
        return self._end(hint, token, "failed", reason)

    def release(self, hint: Hint, token: str, reason: str = "") -> Answer:
        """See Ledger."""
        return self._end(hint, token, "back", reason)

    def sweep(self, now: float, quiet: Collection[Stage] = tuple(Stage)) -> list[Hint]:
        """See Ledger."""
        return self._sweep(now, now - self._limits.hint_s, "", quiet)

    def expire(self, holder: str) -> list[Hint]:
        """See Ledger."""
        return self._sweep(0, 0, holder, ())

    def cancel(self, job: str) -> None:
        """See Ledger."""
        if self._redis.exists(self._key("job", job)):
            self._redis.hset(self._key("job", job), "cancelled", 1)

    def forget(self, job: str) -> None:
        """See Ledger."""
        held = [
            (stage, name)
            for stage in Stage
            for kind in ("hinted", "leases")
            for name in self._redis.zrange(self._key(kind, stage), 0, -1)
            if name.decode().rsplit(" ", 1)[0] == job
        ]
        with self._redis.pipeline() as pipe:
            pipe.unlink(self._key("job", job))
            for kind in ("failed", "attempts", "settled", "spoilt", "blocked"):
                pipe.unlink(self._key(kind, job))
            for stage in Stage:
                pipe.unlink(self._key("ready", stage, job), self._key("done", stage, job))
            for stage, name in held:
                pipe.zrem(self._key("hinted", stage), name)
                pipe.zrem(self._key("leases", stage), name)
                pipe.hdel(self._key("tokens", stage), name)
                pipe.hdel(self._key("holders", stage), name)
                pipe.hdel(self._key("began", stage), name)
            pipe.execute()

    def add(self, job: str, unit: int) -> None:
        """See Ledger."""
        stage, name = Stage.FINISH, f"{job} {unit}"
        is_out = [self._redis.zscore(self._key(kind, stage), name) for kind in ("hinted", "leases")]
        waiting = self._redis.lrange(self._key("ready", stage, job), 0, -1)
        owner, seq = self._redis.hmget(self._key("job", job), "owner", "seq")
        if owner is None or any(score is not None for score in is_out) or str(unit).encode() in waiting:
            return
        with self._redis.pipeline() as pipe:
            pipe.setbit(self._key("done", stage, job), unit, 0)
            pipe.hdel(self._key("failed", job), f"{stage}:{unit}")
            pipe.hdel(self._key("attempts", job), f"{stage}:{unit}")
            pipe.rpush(self._key("ready", stage, job), unit)
            pipe.zadd(self._key("active", stage, owner.decode()), {job: float(seq)})
            pipe.execute()

    def status(self, job: str) -> JobStatus | None:
        """See Ledger."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("job", job))
            pipe.hgetall(self._key("failed", job))
            pipe.exists(self._key("attempts", job))
            pipe.getbit(self._key("done", Stage.FINISH, job), 0)
            raw, raw_failed, was_tried, is_finished = pipe.execute()
        if not raw:
            return None
        facts = {name.decode(): value.decode() for name, value in raw.items()}
        shape = JobShape(int(facts["slabs"]), int(facts["per_slab"])) if "slabs" in facts else None
        done = {stage: int(facts.get(f"done:{stage}", 0)) for stage in Stage} | {Stage.FINISH: int(is_finished)}
        failed = {}
        for name, reason in raw_failed.items():
            stage, _, unit = name.decode().partition(":")
            failed[Stage(stage), int(unit)] = reason.decode()
        counts = {stage: (done[stage], total) for stage, total in totals(shape).items()}
        has_begun = bool(was_tried) or any(done.values())
        return JobStatus(facts["owner"], facts.get("cancelled") == "1", has_begun, counts, failed)

    def at_work(self) -> list[AtWork]:
        """See Ledger."""
        with self._redis.pipeline(transaction=False) as pipe:
            for stage in Stage:
                pipe.hgetall(self._key("began", stage))
            found = dict(zip(Stage, pipe.execute(), strict=True))
        hints = ((_hint(stage, name), float(began)) for stage, names in found.items() for name, began in names.items())
        return sorted(AtWork(hint.stage, hint.job, hint.unit, began) for hint, began in hints)

    def backlog(self) -> dict[Stage, Backlog]:
        """See Ledger."""
        owners = [owner.decode() for owner in self._redis.smembers(self._key("owners"))]
        return {stage: self._backlog(stage, owners) for stage in Stage}

    def _backlog(self, stage: Stage, owners: list[str]) -> Backlog:
        jobs = [job for owner in owners for job in self._redis.zrange(self._key("active", stage, owner), 0, -1)]
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zcard(self._key("hinted", stage))
            pipe.zrange(self._key("leases", stage), 0, -1, withscores=True)
            for job in jobs:
                pipe.llen(self._key("ready", stage, job.decode()))
                pipe.hget(self._key("job", job.decode()), "cancelled")
            hinted, leases, *lengths = pipe.execute()
        ready = sum(n for n, cancelled in zip(lengths[::2], lengths[1::2], strict=True) if cancelled != b"1")
        return Backlog(ready, hinted, len(leases), min((deadline for _, deadline in leases), default=0.0))

    def _write(self, pipe: Any, job: str, owner: str, seq: int, found: Found) -> None:
        """Queue the commands that enter a job as found."""
        done, ready = found.done(), found.ready()
        facts: dict[str, object] = {"owner": owner, "seq": seq, "started": len(done[Stage.PREPROCESS])}
        facts["predicted"] = found.predicted()
        facts |= {f"done:{stage}": len(units) for stage, units in done.items()}
        if found.shape is not None:
            facts |= {"slabs": found.shape.slabs, "per_slab": found.shape.packages_per_slab}
            for package in done[Stage.INFERENCE]:
                pipe.hincrby(self._key("settled", job), package // found.shape.packages_per_slab, 1)
        pipe.hset(self._key("job", job), mapping=facts)
        if done[Stage.PREPROCESS]:
            pipe.sadd(self._key("going", owner), job)
        for stage in Stage:
            for unit in done[stage]:
                pipe.setbit(self._key("done", stage, job), unit, 1)
            if ready[stage]:
                pipe.rpush(self._key("ready", stage, job), *ready[stage])
                pipe.zadd(self._key("active", stage, owner), {job: seq})

    def _end(self, hint: Hint, token: str, verdict: str, reason: str, shape: JobShape | None = None) -> Answer:
        slabs, per_slab = (shape.slabs, shape.packages_per_slab) if shape else (0, 0)
        said = self._call("complete", *_unit(hint), token, verdict, reason, slabs, per_slab, MAX_ATTEMPTS)
        return Answer(said.decode())

    def _sweep(self, now: float, oldest: float, holder: str, quiet: Collection[Stage]) -> list[Hint]:
        stages = [part for stage in Stage for part in (stage, int(stage in quiet))]
        names = self._call("sweep", now, oldest, holder, GIVEN_UP, MAX_ATTEMPTS, *stages)
        parts = [name.decode().split(" ", 1) for name in names]
        return [_hint(Stage(stage), name.encode()) for stage, name in parts]

    def _call(self, script: str, *arguments: object) -> Any:
        return self._scripts[script](keys=[self._prefix], args=[_plain(a) for a in arguments])

    def _key(self, *parts: object) -> str:
        return self._prefix + ":".join(str(part) for part in parts)


def _plain(argument: object) -> str:
    return repr(argument) if isinstance(argument, float) else str(argument)


def _unit(hint: Hint) -> tuple[Stage, str, int]:
    return hint.stage, hint.job, hint.unit


def _hint(stage: Stage, name: bytes) -> Hint:
    job, _, unit = name.decode().rpartition(" ")
    return Hint(stage, job, int(unit))


LEADS_FOR_S = 5
"""Seconds after which the lead of a gateway that does not ask for it again is free."""


@all_named
class Lead:
    """One process's claim to the lead, a key in Redis that expires. Raises BrokerUnavailable."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._redis: Any = client  # the stubs give each answer as "awaitable or value"
        self._key = f"{prefix}janitor"  # a gateway of an older version must see it
        self._name = secrets.token_hex(8)

    def is_ours(self) -> bool:
        """Take the lead if it is free, prolong it if it is this process's; False if another process has it."""
        if self._redis.set(self._key, self._name, nx=True, ex=LEADS_FOR_S):
            return True
        leader = self._redis.get(self._key)
        if leader is None or leader.decode() != self._name:
            return False
        self._redis.expire(self._key, LEADS_FOR_S)
        return True
