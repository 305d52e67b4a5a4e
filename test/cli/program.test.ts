import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Argv } from 'yargs'
import { type CommandEntry, renamed } from '../../src/cli/commands.ts'
import { run } from '../../src/cli/program.ts'
import { UserError } from '../../src/util/errors.ts'

const handler = vi.fn()
const loads = { paint: vi.fn(), wash: vi.fn() }
const table: Record<string, CommandEntry> = {
  paint: {
    describe: 'paints fences',
    load: async () => {
      loads.paint()
      return {
        command: 'paint <fences..>',
        builder: (yargs: Argv) =>
          yargs
            .positional('fences', { type: 'string', array: true, demandOption: true })
            .option('coats', { type: 'number', default: 1, describe: 'how often' })
            .option('colour', { choices: ['white', 'red'] })
            .option('set', { type: 'string', array: true }),
        handler,
      }
    },
  },
  wash: { describe: 'washes brushes', load: loads.wash },
}

const log = vi.spyOn(console, 'log').mockImplementation(() => {})
beforeEach(() => void vi.clearAllMocks())
afterEach(() => expect(loads.wash).not.toHaveBeenCalled())

const go = (line: string) => run(line.split(' ').filter(Boolean), table)

async function refusal(line: string): Promise<string> {
  const error = await go(line).then(
    () => expect.fail(`accepted: ${line}`),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(UserError)
  expect(handler).not.toHaveBeenCalled()
  return (error as UserError).message
}

test('runs a command with its options and the common ones; an array option takes one value at a time', async () => {
  await go('--backend wasm paint --set a=1 north south --set b=2 --coats=-3')
  expect(handler).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ backend: 'wasm', fences: ['north', 'south'], set: ['a=1', 'b=2'], coats: -3 }),
  )
})

test('--help lists the commands and loads none', async () => {
  await go('--help')
  expect(log.mock.calls.join('\n')).toMatch(/paint +paints fences[\s\S]*wash +washes brushes[\s\S]*--backend/)
  expect(loads.paint).not.toHaveBeenCalled()
})

test("a command's --help shows its own options and does not run it", async () => {
  await go('paint --help')
  expect(log.mock.calls.join('\n')).toMatch(/paint <fences\.\.>[\s\S]*--coats +how often/)
  expect(handler).not.toHaveBeenCalled()
})

test('an error of the handler comes through as it is', async () => {
  const error = new RangeError('the paint is out')
  handler.mockRejectedValueOnce(error)
  await expect(go('paint north')).rejects.toBe(error)
})

test('mistakes are told in one line that says what to do', async () => {
  expect(await refusal('')).toBe('expected a command: see diff-privacy --help')
  expect(await refusal('piant')).toBe("unknown command 'piant' (nearest: 'paint'): see diff-privacy --help")
  expect(await refusal('paint north --cots 3')).toBe(
    "unknown option --cots (nearest: 'coats'): see diff-privacy paint --help",
  )
  expect(await refusal('paint north -q')).toBe('unknown option -q: see diff-privacy paint --help')
  expect(await refusal('paint')).toContain('Not enough non-option arguments')
  expect(await refusal('paint north --colour blue')).toMatch(/^Invalid values: .*"blue", Choices: "white", "red"/)
  expect(await refusal('paint north --coats two')).toBe("expected a number after --coats, found 'two'")
  expect(await refusal('paint north --coats=two')).toBe("expected a number after --coats, found 'two'")
  expect(await refusal('paint north --coats 1 --coats=two')).toBe("expected a number after --coats, found 'two'")
  expect(await refusal('paint north --coats')).toBe('expected a value after --coats, found none')
  expect(await refusal('paint north --backend --debug')).toBe('expected a value after --backend, found none')
  expect(await refusal('paint north --coats 1 --coats 2')).toBe('expected --coats once, found it 2 times')
})

test.each(Object.entries(renamed))("'%s' of version 0.1 answers with '%s'", async (old, now) => {
  await expect(run([old, '--out', 'x'])).rejects.toThrow(`'${old}' is now '${now}'`)
})

test('evaluate says what it evaluates, and refuses anything else', async () => {
  await expect(run(['evaluate'])).rejects.toThrow(/images, methods, model, msi, thresholds/)
  await expect(run(['evaluate', 'nothing'])).rejects.toThrow(/nothing/)
  await expect(run(['evaluate', 'model', '--sampels', '3'])).rejects.toThrow(UserError)
})
