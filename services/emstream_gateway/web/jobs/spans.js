// @ts-check
/** Spans of time in a lane of the pipeline: joined for drawing, their share of the time, and round times. Pure. */

/** @typedef {{job: string, unit: number, start: number, stop: number}} Span seconds since the epoch */

/**
 * Join neighbouring spans of one sample if the gap between them is too small to see.
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
 * Return one span for each sample at work, from the start of its first unit until now.
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

/** Return the share of a time range in which any unit was at work, 0 to 1. @param {Span[]} spans @param {number} start @param {number} stop */
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

/** Return round times within a range, at most nine. @param {number} start @param {number} stop */
export function ticks(start, stop) {
  const step = [10, 30, 60, 300, 600, 1800, 3600].find((s) => (stop - start) / s <= 8) ?? 7200;
  const first = Math.ceil(start / step) * step;
  return Array.from({ length: Math.floor((stop - first) / step) + 1 }, (_, i) => first + i * step);
}
