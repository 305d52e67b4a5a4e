import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { withLock } from '../../src/util/lock.ts'
import { typeScriptLoader } from '../../src/util/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'lock-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a lock is held while the work goes on, whoever else asks; and gone after it, and after it failed', async () => {
  const path = join(folder, 'new', 'a.lock')
  const result = await withLock(path, 'the work', async () => {
    await expect(withLock(path, 'the work', async () => 1)).rejects.toThrow(
      `the work: process ${process.pid} is at it: wait for it or end it; if it is gone, remove ${path}`,
    )
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
    return 'done'
  })
  expect(result).toBe('done')
  const failure = withLock(path, 'the work', () => Promise.reject(new Error('it failed')))
  await expect(failure).rejects.toThrow(/^it failed$/)
  expect(existsSync(path)).toBe(false)
})

test('a holder is waited for, if it is not too long', async () => {
  const path = join(folder, 'w.lock')
  const pause = () => new Promise(resolve => setTimeout(resolve, 5))
  let isDone = false
  const first = withLock(path, 'the work', async () => {
    while (!isDone) await pause()
  })
  while (!existsSync(path)) await pause()
  await expect(withLock(path, 'the work', async () => 1, { wait: 50 })).rejects.toThrow(/is at it: wait for it/)
  const second = withLock(path, 'the work', async () => 2, { wait: 20_000 })
  await pause()
  isDone = true
  expect(await second).toBe(2)
  await first
})

test('a lock that was removed while the work went on does not undo it, nor does its end remove that of another', async () => {
  const path = join(folder, 'd.lock')
  expect(await withLock(path, 'the work', async () => rmSync(path))).toBe(undefined)
  const others = JSON.stringify({ pid: 1, host: 'elsewhere', token: 'x' })
  await withLock(path, 'the work', async () => writeFileSync(path, others))
  expect(readFileSync(path, 'utf8')).toBe(others)
})

test('of many who find the lock of a process that was killed, one takes it over', async () => {
  const path = join(folder, 'b.lock')
  const script = `
    import { withLock } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/util/lock.ts')).href)}
    withLock(${JSON.stringify(path)}, 'the work', () => new Promise(() => setInterval(() => {}, 1000)))
      .catch(() => process.exit(3))
    setTimeout(() => console.log('asked'), 300)`
  const start = () =>
    spawn(process.execPath, ['--import', typeScriptLoader(), '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const holder = start()
  await once(holder.stdout, 'data')
  await expect(withLock(path, 'the work', async () => 1)).rejects.toThrow(`process ${holder.pid} is at it`)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  expect(existsSync(path)).toBe(true)

  let inside = 0
  const work = async () => {
    expect(++inside).toBe(1)
    await new Promise(resolve => setTimeout(resolve, 200))
    inside--
  }
  const tries = await Promise.allSettled(Array.from({ length: 8 }, () => withLock(path, 'the work', work)))
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(readdirSync(folder).filter(name => name.startsWith('b.lock'))).toEqual([])
})

test('a lock of another machine is believed; one that says nothing is not removed', async () => {
  const path = join(folder, 'c.lock')
  writeFileSync(path, JSON.stringify({ pid: 1, host: 'elsewhere', token: 'x' }))
  await expect(withLock(path, 'the work', async () => 1)).rejects.toThrow('process 1 on elsewhere is at it')
  writeFileSync(path, '')
  await expect(withLock(path, 'the work', async () => 1)).rejects.toThrow(`the lock ${path} was left behind`)
  expect(existsSync(path)).toBe(true)
})
