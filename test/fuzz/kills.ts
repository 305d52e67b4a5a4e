/** Kills a process in the middle of what it writes, and looks whether a whole picture and its own key are there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { typeScriptLoader } from '../../src/util/paths.ts'
import { versionIn } from './versions.ts'

export interface Kills {
  readonly kills: number
  /** Pictures that were said to be there, and were not any more. */
  readonly lost: number
  /** Pictures without their key, keys without their picture, and halves of either. */
  readonly halfWritten: number
  /** How often the process was in the middle of a commit that its journal finished. */
  readonly finished: number
  readonly problems: readonly string[]
}

/**
 * Kills `count` processes, each after up to `span` milliseconds of its writing.
 * @param folder which is empty
 */
export async function killWrites(folder: string, count: number, span = 60): Promise<Kills> {
  const problems: string[] = []
  let [lost, halfWritten, finished, next] = [0, 0, 0, 1]
  for (let i = 0; i < count; i++) {
    const said = await writeUntilKilled(folder, next, Math.random() * span)
    if ((await readdir(folder)).some(name => name.startsWith('.commit.'))) finished++
    try {
      const found = await versionIn(folder)
      if (found < said) {
        lost++
        problems.push(`version ${said} was there, now there is ${found}`)
      }
      next = found + 1
    } catch (error) {
      if (said === 0 && next === 1) continue // Nothing was there yet.
      halfWritten++
      problems.push((error as Error).message)
    }
  }
  return { kills: count, lost, halfWritten, finished, problems }
}

/** @returns the last version that the process said was there, else the one before its first */
async function writeUntilKilled(folder: string, first: number, after: number): Promise<number> {
  const script = fileURLToPath(new URL('./commit-loop.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', typeScriptLoader(), script, folder, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.once('data', () => void setTimeout(() => child.kill('SIGKILL'), after))
  child.stdout.on('data', chunk => {
    text += chunk
  })
  await once(child, 'close')
  const lines = text.split('\n').slice(0, -1)
  return lines.length > 0 ? Number(lines.at(-1)) : first - 1
}
