/** Locks between processes: a file that names its holder, and that is taken over when the holder is gone. */
import { randomUUID } from 'node:crypto'
import { readFileSync, unlinkSync } from 'node:fs'
import { readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from './atomic-write.ts'
import { UserError } from './errors.ts'

interface Holder {
  readonly pid: number
  readonly host: string
  /** Differs from that of every other lock. */
  readonly token: string
}

/** Locks that this process holds or asks for, by token: where each is. */
const held = new Map<string, string>()

process.on('exit', () => {
  for (const [token, path] of held) {
    try {
      if (JSON.parse(readFileSync(path, 'utf8')).token === token) unlinkSync(path)
    } catch {} // Nothing can be done about it any more.
  }
})

/** How often, and after how many milliseconds, it is looked again at a lock that somebody is just making or removing. */
const looks = { most: 50, pause: 20 }

/**
 * Does `work` while no other process does what `path` stands for.
 * @param path of the lock's file, whose folder is made where it is not there yet
 * @param what the lock is of, for the message: 'training in runs/x'
 * @param options.wait for how many milliseconds another holder is waited for: 0 by default
 * @throws UserError when another process holds it, which it names
 */
export async function withLock<T>(
  path: string,
  what: string,
  work: () => Promise<T>,
  { wait = 0 }: { wait?: number } = {},
): Promise<T> {
  const until = performance.now() + wait
  await makeFolder(dirname(path))
  const token = randomUUID()
  held.set(token, path)
  try {
    await acquire(path, token, what, until)
    try {
      return await work()
    } finally {
      await release(path, token)
    }
  } finally {
    held.delete(token)
  }
}

async function acquire(path: string, token: string, what: string, until: number): Promise<void> {
  for (let look = 0; look < looks.most; look++) {
    if (await create(path, token)) return
    const holder = await waitFor(path, until)
    if (holder && isThere(holder)) {
      const where = holder.host === hostname() ? '' : ` on ${holder.host}`
      throw new UserError(
        `${what}: process ${holder.pid}${where} is at it: wait for it or end it; if it is gone, remove ${path}`,
      )
    }
    // Of several that find the lock left behind, the one that makes this file removes it.
    const claim = holder && `${path}.${holder.token}`
    if (claim && (await create(claim, token))) {
      if ((await read(path))?.token === holder.token) await unlink(path)
      await unlink(claim)
    } else await sleep(looks.pause)
  }
  throw new UserError(`${what}: the lock ${path} was left behind by somebody unknown: remove it if nobody is at it`)
}

/** Who holds the lock when nobody is at it, or at the time `until`. */
async function waitFor(path: string, until: number): Promise<Holder | undefined> {
  for (;;) {
    const holder = await read(path)
    if (!holder || !isThere(holder) || performance.now() >= until) return holder
    await sleep(looks.pause)
  }
}

/** The work is done, whoever removed the lock meanwhile: that of another stays. */
async function release(path: string, token: string): Promise<void> {
  if ((await read(path))?.token === token) await rm(path, { force: true })
}

/** @returns false where there is a file already */
async function create(path: string, token: string): Promise<boolean> {
  const holder: Holder = { pid: process.pid, host: hostname(), token }
  try {
    await writeFile(path, JSON.stringify(holder), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new UserError(`cannot write ${path}: ${(error as Error).message}`)
  }
}

/** Undefined while it is being made or removed. */
async function read(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** Whether the holder may still be at work; of other machines nobody here knows. */
function isThere({ pid, host, token }: Holder): boolean {
  if (host !== hostname()) return true
  // In a container that is started again, numbers of processes come again.
  if (pid === process.pid) return held.has(token)
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
