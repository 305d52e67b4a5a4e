/** What an evaluation says of itself beside its numbers. */
import { availableParallelism } from 'node:os'
import type { BackendName } from '../backend/index.ts'
import { processorName } from '../processor.ts'
import { softwareOf } from '../run-record.ts'

/** What was run, on what. */
export interface Provenance {
  readonly title: string
  readonly command: string
  /** Of this repository, where it runs from one; with '-dirty' when files differ from it. */
  readonly commit?: string
  readonly date: string
  readonly backend: string
  readonly machine: string
  readonly originals: string
}

export async function provenance(title: string, backend: BackendName, originals: string): Promise<Provenance> {
  const { commit } = await softwareOf(backend)
  return {
    title,
    command: `diff-privacy ${process.argv.slice(2).join(' ')}`,
    ...(commit !== undefined && { commit }),
    date: new Date().toISOString().slice(0, 10),
    backend,
    machine: `${availableParallelism()} x ${processorName()}`,
    originals,
  }
}
