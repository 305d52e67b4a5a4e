/** What an evaluation says of itself beside its numbers. */
import { availableParallelism } from 'node:os'
import type { BackendName } from '../backend/index.ts'
import { softwareOf } from '../pipeline/run-record.ts'
import { processorName } from '../util/environment.ts'

/** How and where something was run. */
export interface Provenance {
  readonly command: string
  /** Of this repository, where it runs from one; with '-dirty' when files differ from it. */
  readonly commit?: string
  readonly date: string
  readonly backend: string
  readonly machine: string
}

/** What was run, and on what. */
export interface EvaluationProvenance extends Provenance {
  readonly title: string
  readonly originals: string
}

/** Of the command that runs. */
export async function provenance(backend: BackendName): Promise<Provenance> {
  const { commit } = await softwareOf(backend)
  return {
    command: `diff-privacy ${process.argv.slice(2).join(' ')}`,
    ...(commit !== undefined && { commit }),
    date: new Date().toISOString().slice(0, 10),
    backend,
    machine: `${availableParallelism()} x ${processorName()}`,
  }
}
