import { availableBackends } from '../../src/backend/index.ts'

/** The backends that networks are tested on, as far as this machine has them. */
export const usableBackends = (await availableBackends())
  .filter(({ name, usable }) => usable && (name === 'wasm' || name === 'tensorflow'))
  .map(({ name }) => name)
