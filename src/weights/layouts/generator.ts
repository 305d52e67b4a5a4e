import { nameTable } from '../names.ts'
import type { Layout } from './layout.ts'

/** A face generator, with the mapping network that draws its styles; and the encoder of its latents, and their statistics. */
export const generatorLayout: Layout = { tables: [nameTable([['', '']])], ignored: /^mapping\./ }
