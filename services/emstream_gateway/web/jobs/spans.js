// @ts-check
/** What is drawn of a lane: spans joined, how busy it was, round times. Pure. */

/** @typedef {{job: string, unit: number, start: number, stop: number}} Span seconds since the epoch */

/**
 * Neighbouring spans of one sample joined where the gap is too small to see.
 * @param {Span[]} spans in order of their starts @param {number} gap_s
 */
export function joined(spans, gap_s) {
  /** @type {(Span & {units: number})[]} */
  const found = [];
  const open = new Map();
  for (const span of spans) {
    const last = open.get(span.job);
    if (last && span.start - last.stop <= gap_s && last === found[found.length - 1]) {
      last.stop = Math.max(last.stop, span.stop);
      last.units += 1;
    } else {
      const fresh = { ...span, units: 1 };
      found.push(fresh);
      open.set(span.job, fresh);
    }
  }
  return found;
}

/**
 * What is at work, one for each sample, since its first unit was begun; as spans that last until now.
 * @param {{job: string, unit: number, start: number}[]} begun @param {number} now
 */
export function open(begun, now) {
  /** @type {Map<string, Span & {units: number}>} */
  const found = new Map();
  for (const { job, unit, start } of begun) {
    const known = found.get(job);
    found.set(job, { job, unit, start: Math.min(start, known?.start ?? now), stop: now, units: (known?.units ?? 0) + 1 });
  }
  return [...found.values()].sort((a, b) => a.start - b.start);
}

/** The share of a time range in which anything was worked on. @param {Span[]} spans @param {number} start @param {number} stop */
export function busyShare(spans, start, stop) {
  let busy = 0;
  let until = start;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const from = Math.max(until, span.start);
    const to = Math.min(stop, span.stop);
    if (to > from) busy += to - from;
    until = Math.max(until, to);
  }
  return stop > start ? busy / (stop - start) : 0;
}

/** Round times within a range. @param {number} start @param {number} stop */
export function ticks(start, stop) {
  const step = [10, 30, 60, 300, 600, 1800, 3600].find((s) => (stop - start) / s <= 8) ?? 7200;
  const first = Math.ceil(start / step) * step;
  return Array.from({ length: Math.floor((stop - first) / step) + 1 }, (_, i) => first + i * step);
}
