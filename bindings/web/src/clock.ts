import { monotonic, wall } from "./natives.js";

/**
 * A moment that has passed as soon as either clock says so: the monotonic one may stop while the device sleeps, and the
 * wall clock may be set back.
 */
export interface Deadline {
  passed(): boolean;
  /** Milliseconds left, never below zero; infinite when the end is not known. */
  left(): number;
}

/** The moment `ms` milliseconds from now. */
export function deadlineIn(ms: number): Deadline {
  const monotonicEnd = monotonic() + ms;
  const wallEnd = wall() + ms;
  const left = () => Math.max(0, Math.min(monotonicEnd - monotonic(), wallEnd - wall()));
  return { left, passed: () => left() === 0 };
}
