/**
 * A signal that Ctrl-C or SIGTERM gives, for a command that has something to finish first. A second one ends it at once.
 * @returns the signal, and what takes the command off again
 */
export function interruptible(onAbort = () => {}): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  const names = ['SIGINT', 'SIGTERM'] as const
  const abort = () => {
    stop()
    controller.abort()
    onAbort()
  }
  const stop = () => {
    for (const name of names) process.off(name, abort)
  }
  for (const name of names) process.on(name, abort)
  return { signal: controller.signal, stop }
}
