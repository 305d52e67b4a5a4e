import type { CommandModule } from './command.ts'

export interface CommandEntry {
  /** One line for the list of commands. */
  describe: string
  load: () => Promise<CommandModule>
}

/** Every command by name, in the order of --help. A command's file is loaded only when the command is named. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  demo: { describe: 'protect and recover faces of sample photos, and report on it', load: () => import('./demo.ts') },
  anonymize: {
    describe: 'make the faces of photos unrecognisable to machines, each with a key to recover it',
    load: () => import('./anonymize.ts'),
  },
  hide: {
    describe: 'make the faces of photos unrecognisable to people but not to machines, each with a key',
    load: () => import('./hide.ts'),
  },
  recover: { describe: 'bring the faces of protected photos back by their keys', load: () => import('./recover.ts') },
  doctor: {
    describe: 'show the backends, their speed, memory limits and the weights present',
    load: () => import('./doctor.ts'),
  },
  train: {
    describe: 'train a network of a model, or resume an interrupted run',
    load: () => import('./train.ts'),
  },
  export: { describe: 'put trained networks into one file', load: () => import('./export.ts') },
  evaluate: {
    describe: 'measure pictures, methods, a model, forms of MSI, or the thresholds of recognizers',
    load: () => import('./evaluate.ts'),
  },
  reproduce: {
    describe: 'make the tables of experiments/, of methods and settings side by side',
    load: () => import('./reproduce.ts'),
  },
  sweep: {
    describe: 'try many settings of a recipe, and report what each gives and costs',
    load: () => import('./sweep.ts'),
  },
  replay: {
    describe: 'make a run again from its record, and say whether its outputs are the same',
    load: () => import('./replay.ts'),
  },
  worker: { describe: 'do the work of sweeps and photos that a queue holds', load: () => import('./worker.ts') },
  weights: { describe: 'list, fetch and verify published weights', load: () => import('./weights.ts') },
  dataset: { describe: 'prepare a data set of faces for training', load: () => import('./dataset.ts') },
}

/** Commands of version 0.1 that have another name now. */
export const renamed: Readonly<Record<string, string>> = {
  eval: 'diff-privacy evaluate images',
  'evaluate-model': 'diff-privacy evaluate model',
  'evaluate-msi': 'diff-privacy evaluate msi',
  calibrate: 'diff-privacy evaluate thresholds',
  parity: 'npm run parity',
}
