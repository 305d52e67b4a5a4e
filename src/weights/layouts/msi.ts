/** MSI's weights: beside a model's other networks, or in a file of their own under the release's names. */
import { nameTable } from '../names.ts'
import type { Layout } from './layout.ts'

export const msiLayout: Layout = { tables: [nameTable([['', 'msi']]), nameTable([['', '']])] }
