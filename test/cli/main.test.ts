import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }

const bin = resolve('bin/diff-privacy.mjs')
const elsewhere = mkdtempSync(join(tmpdir(), 'cli-'))
afterAll(() => rmSync(elsewhere, { recursive: true }))

/** Runs the program from another folder than the repository's. */
function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd: elsewhere, encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('--version and --help', () => {
  expect(cli('--version')).toEqual({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  const { status, stdout, stderr } = cli('--help')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain('--backend')
})

test('a mistake is one line on stderr and exit code 2', () => {
  for (const args of [['frobnicate'], ['--frobnicate'], []]) {
    const { status, stdout, stderr } = cli(...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^diff-privacy: [^\n]+\n$/)
  }
  expect(cli('frobnicate').stderr).toContain("unknown command 'frobnicate'")
})

test('--debug adds the stack', () => {
  const { status, stderr } = cli('frobnicate', '--debug')
  expect(status).toBe(2)
  expect(stderr).toMatch(/^diff-privacy: .*\n[\s\S]*\n +at /)
})

/** Runs main.ts with a command line made of a script in place of the program. */
function scripted(body: string, ...args: string[]) {
  const main = JSON.stringify(resolve('src/cli/main.ts'))
  const commands = JSON.stringify(resolve('src/cli/commands.ts'))
  const script = `
    import { register } from 'tsx/esm/api'
    register()
    const { commands } = await import(${commands})
    const handler = async () => { ${body} }
    commands.scripted = { describe: '', load: async () => ({ command: 'scripted', builder: y => y, handler }) }
    process.argv.splice(1, 0, 'program')
    await import(${main})`
  return spawn(process.execPath, ['--input-type=module', '-e', script, '--', 'scripted', ...args])
}

async function ended(child: ReturnType<typeof scripted>) {
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const [status, signal] = await new Promise<[number | null, string | null]>(done =>
    child.on('close', (...end) => done(end)),
  )
  return { status, signal, stderr }
}

test('what nobody expected is one line that offers the stack, and exit code 1', async () => {
  const line = 'diff-privacy: unexpected: first second (run again with --debug for the stack)\n'
  const expected = { status: 1, signal: null, stderr: line }
  expect(await ended(scripted("throw new TypeError('first\\n  second')"))).toEqual(expected)
  expect(
    await ended(
      scripted(
        "setTimeout(() => { throw new Error('first\\nsecond') }); await new Promise(() => setTimeout(() => {}, 5000))",
      ),
    ),
  ).toEqual(expected)
  const { status, stderr } = await ended(scripted("throw new TypeError('oh')", '--debug'))
  expect(status).toBe(1)
  expect(stderr).toMatch(/^diff-privacy: unexpected: oh\nTypeError: oh\n +at /)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends it with %d, cleaned up; a command that listens too may finish, once', async (kill, status) => {
  const waiting = "process.stdout.write('ready'); await new Promise(() => setTimeout(() => {}, 20000))"
  const child = scripted(`process.on('exit', () => process.stderr.write('cleaned up')); ${waiting}`)
  child.stdout.once('data', () => child.kill(kill))
  expect(await ended(child)).toEqual({ status, signal: null, stderr: 'cleaned up' })

  const careful = scripted(`process.once('${kill}', () => process.stdout.write('saving')); ${waiting}`)
  const said: string[] = []
  careful.stdout.on('data', chunk => {
    said.push(String(chunk))
    careful.kill(kill)
  })
  expect(await ended(careful)).toEqual({ status, signal: null, stderr: '' })
  expect(said).toEqual(['ready', 'saving'])
})

test('a reader that leaves early is no error', async () => {
  const child = scripted("for (;;) { process.stdout.write('x'.repeat(65536)); await new Promise(r => setTimeout(r)) }")
  child.stdout.once('data', () => child.stdout.destroy())
  expect(await ended(child)).toEqual({ status: 0, signal: null, stderr: '' })
})
