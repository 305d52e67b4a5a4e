import { oncePer } from '../util/memoize.ts'
import { loadModel } from './model.ts'

/** A model whose weights are read once a process: for workers, which do many jobs. @throws UserError as `loadModel` */
export const loadModelOnce = oncePer(loadModel)
