/** How the tensors of a published file are named, for those who load a network from it. */
import { type NameTable, nameTable } from '../names.ts'

export interface Layout {
  /** As a person says it, in messages. */
  readonly name: string
  /** Ways in which such files write the names; the one under which a file has most of what is wanted is taken. */
  readonly tables: readonly NameTable[]
  /** What of the file's names is the network's; the others are left alone. Every name when absent. */
  readonly scope?: string
  /** Tensors that such files carry and that no network here reads: counters, averages, losses. */
  readonly ignored?: RegExp
}

/** The file has our names. */
export const ownNames: Layout = { name: 'our own names', tables: [nameTable([['', '']])] }

/** The file has our names, all of them after `prefix`, which ends in a dot. */
export function under(prefix: string): Layout {
  return { name: `names after '${prefix}'`, tables: [nameTable([['', prefix.replace(/\.$/, '')]])], scope: prefix }
}
