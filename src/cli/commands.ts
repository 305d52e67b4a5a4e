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
  parity: {
    describe: 'check the networks against reference numbers on every backend present',
    load: () => import('./parity.ts'),
  },
  train: {
    describe: 'train a network of a model, going on where a run was interrupted',
    load: () => import('./train.ts'),
  },
  export: { describe: 'put trained networks into one file', load: () => import('./export.ts') },
  calibrate: {
    describe: "measure each recognizer's threshold and accuracy on clean faces",
    load: () => import('./calibrate.ts'),
  },
  eval: {
    describe: 'measure folders of protected or recovered pictures against their originals, whoever made them',
    load: () => import('./eval.ts'),
  },
  evaluate: {
    describe: 'protect many faces by several methods, and measure and compare them',
    load: () => import('./evaluate.ts'),
  },
  'evaluate-model': {
    describe: 'measure a model by itself: its autoencoder, and faces drawn from noise',
    load: () => import('./evaluate-model.ts'),
  },
  'evaluate-msi': {
    describe: 'measure how well faces come back under different forms of MSI, trained on the way',
    load: () => import('./evaluate-msi.ts'),
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
