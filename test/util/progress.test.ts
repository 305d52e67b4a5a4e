import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { duration, progress } from '../../src/util/progress.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function fakeStream(isTTY: boolean) {
  const written: string[] = []
  const stream = {
    isTTY,
    columns: 120,
    write: (text: string) => written.push(text) > 0,
    on: () => stream,
  }
  return { written, stream: stream as unknown as NodeJS.WriteStream }
}

test('without a terminal: a line every five seconds, notes at once, and the last state on stop', () => {
  const { written, stream } = fakeStream(false)
  const shown = progress('faces', 10, { stream })
  for (let done = 1; done <= 6; done++) {
    vi.advanceTimersByTime(2000)
    shown.update(done, `face ${done}`)
  }
  shown.note('one photo has no face')
  shown.update(11, '', 11)
  shown.stop()
  shown.stop()
  expect(written).toEqual([
    'faces 3/10, 14 s left, face 3\n',
    'faces 6/10, 8 s left, face 6\n',
    'one photo has no face\n',
    'faces 11/11\n',
  ])
})

test('on a terminal: a bar with the time left, redrawn after a note', () => {
  const { written, stream } = fakeStream(true)
  const shown = progress('faces', 4, { stream })
  vi.advanceTimersByTime(3000)
  shown.update(1, 'group.jpg')
  vi.advanceTimersByTime(500)
  expect(written.join('')).toMatch(/faces .*1\/4, 9 s left, group\.jpg/)
  shown.note('a note')
  const before = written.length
  expect(written.at(-1)).toBe('a note\n')
  vi.advanceTimersByTime(500)
  expect(written.slice(before).join('')).toContain('1/4')
  shown.update(5, undefined, 5)
  shown.stop()
  expect(written.join('')).toContain('5/5, group.jpg')
  expect(vi.getTimerCount()).toBe(0)
})

test('work that goes on: its pace is that of what was done since', () => {
  const { written, stream } = fakeStream(false)
  const shown = progress('steps', 120, { from: 100, stream })
  vi.advanceTimersByTime(10_000)
  shown.update(105)
  expect(written).toEqual(['steps 105/120, 30 s left\n'])
})

test('durations', () => {
  expect([0.2, 59.5, 60, 200, 660, 7500].map(duration)).toEqual([
    '1 s',
    '1 min',
    '1 min',
    '3 min 20 s',
    '11 min',
    '2 h 5 min',
  ])
})
