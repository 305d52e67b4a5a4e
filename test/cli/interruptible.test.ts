import { expect, test } from 'vitest'
import { interruptible } from '../../src/cli/options.ts'

test('the first signal is told, and leaves the next one to end the process', () => {
  const before = process.listenerCount('SIGINT')
  let told = 0
  const { signal } = interruptible(() => told++)
  expect(process.listenerCount('SIGINT')).toBe(before + 1)
  expect(signal.aborted).toBe(false)
  process.emit('SIGTERM')
  expect(signal.aborted).toBe(true)
  expect(told).toBe(1)
  expect(process.listenerCount('SIGINT')).toBe(before)
})

test('a command that is done listens no more', () => {
  const before = process.listenerCount('SIGTERM')
  const { signal, stop } = interruptible()
  stop()
  expect(process.listenerCount('SIGTERM')).toBe(before)
  expect(signal.aborted).toBe(false)
})
