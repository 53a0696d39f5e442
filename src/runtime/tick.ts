/**
 * Runs `callback` when the current turn's promises have all been followed up, so that what they ask for can share a call.
 *
 * A microtask alone would come too early: callers a few awaits away would miss it. `nextTick` from inside a microtask runs
 * after the microtask queue is empty, and before any input or output, so that nothing is delayed by it.
 */
export function endOfTick(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}
