const actions = new Set<() => void>();
let listening = false;

/**
 * Runs an action when the process ends: by itself or by a signal, but for SIGKILL, which nobody hears.
 *
 * @returns a function that takes it back.
 */
export function atEnd(action: () => void): () => void {
  // One for all, so that many servers and directories are no leak of listeners.
  if (!listening) listen();
  actions.add(action);
  return () => actions.delete(action);
}

function listen(): void {
  listening = true;
  const end = (): void => {
    for (const action of actions) action();
    actions.clear();
  };
  process.once("exit", end);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      end();
      // With this listener gone the signal does what it always did.
      process.kill(process.pid, signal);
    });
  }
}
