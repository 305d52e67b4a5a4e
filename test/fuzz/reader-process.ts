/** A child process that reads one case after another, and says what came of each and how much memory it took. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../src/util/errors.ts'
import { badReaders } from './bad-readers.ts'
import { declaredBytes, type Read, type ReaderName, readers } from './readers.ts'

export interface Request {
  readonly reader: ReaderName
  readonly folder: string
  readonly name: string
}

export interface Reply extends Read {
  readonly outcome: 'read' | 'refused' | 'unexpected'
  readonly message?: string
  /** Resident bytes at most, and before; what a header claims. None of them where the system does not tell. */
  readonly peak: number
  readonly before: number
  readonly declared: number
}

const status = (field: string) => {
  try {
    const text = readFileSync('/proc/self/status', 'utf8')
    return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
  } catch {
    return 0
  }
}

async function reply({ reader, folder, name }: Request): Promise<Reply> {
  try {
    writeFileSync('/proc/self/clear_refs', '5') // The highest so far is now what there is.
  } catch {}
  const before = status('VmRSS')
  let found: Pick<Reply, 'outcome' | 'message' | 'sums'>
  try {
    found = { outcome: 'read', ...(await (badReaders[reader] ?? readers[reader])(folder, name)) }
  } catch (error) {
    const { message, stack } = error as Error
    found =
      error instanceof UserError
        ? { outcome: 'refused', message }
        : { outcome: 'unexpected', message: stack ?? message }
  }
  const peak = status('VmHWM')
  const declared = reader === 'picture' && peak - before > 2 ** 28 ? await declaredBytes(join(folder, name)) : 0
  return { ...found, peak, before, declared }
}

process.on('message', request => void reply(request as Request).then(answer => process.send?.(answer)))
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
