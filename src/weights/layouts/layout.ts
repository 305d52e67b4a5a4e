/** How published files name the tensors of one network. */
import { type NameTable, nameTable } from '../names.ts'

export interface Layout {
  /** Ways in which files write the names; the one under which a file has most of what is wanted is taken. */
  readonly tables: readonly NameTable[]
  /** Tensors that such files carry and that the network does not have: counters, averages, classifiers. */
  readonly ignored?: RegExp
}

/** The file has our names, all of them after `prefix`, which is empty or ends in a dot. */
export function under(prefix: string): Layout {
  return { tables: [nameTable([['', prefix.replace(/\.$/, '')]])] }
}
