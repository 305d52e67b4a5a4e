/**
 * A signal that Ctrl-C or SIGTERM gives, for a command that has something to finish first.
 * @returns the signal, and what takes the command off again
 */
export function interruptible(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  const abort = () => controller.abort()
  const names = ['SIGINT', 'SIGTERM'] as const
  for (const name of names) process.on(name, abort)
  return {
    signal: controller.signal,
    stop: () => {
      for (const name of names) process.off(name, abort)
    },
  }
}
