import { parseArgs } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { command } from '../../bench/command.ts'
import { UserError } from '../../src/util/errors.ts'

afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

test("a user's mistake is one line and exit code 2, an unknown option too; what else fails is thrown", async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  const mistakes = [
    async () => {
      throw new UserError('expected more')
    },
    async () => void parseArgs({ args: ['--onyl', 'x'], options: { only: { type: 'string' } } }),
  ]
  for (const mistake of mistakes) {
    process.exitCode = undefined
    await command(mistake)
    expect(process.exitCode).toBe(2)
  }
  expect(said.mock.calls.map(([line]) => line)).toEqual([
    'expected more',
    expect.stringMatching(/^Unknown option '--onyl'.*$/),
  ])
  await expect(command(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug')
})
