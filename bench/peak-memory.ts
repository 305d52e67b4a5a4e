import { existsSync, readFileSync } from 'node:fs'

/** The most memory that a process ever held, in bytes; undefined where the system does not tell, or it has ended. */
export function peakMemory(process: number | 'self' | undefined): number | undefined {
  const status = `/proc/${process}/status`
  const kilobytes = existsSync(status) && /VmHWM:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1]
  return kilobytes ? 1024 * Number(kilobytes) : undefined
}
