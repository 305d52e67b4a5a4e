import type { Machine } from '../../bench/machine.ts'

/** What reports of tests were made on. */
export const machine: Machine = { processor: 'A processor', cores: 2, memoryGB: 8, commit: 'abc' }
