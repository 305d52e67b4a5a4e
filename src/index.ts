/**
 * The library in Node: all that it is everywhere (core.ts), and what needs files and processes. examples/ shows it in use.
 */

// Backends
export { availableBackends, type BackendName, backendNames, useBackend } from './backend/index.ts'
// Data sets and training
export { loadModelConfig, type ModelConfig } from './config/model.ts'
// Faces of photos one by one, as research takes them
export { loadRecipe } from './config/recipe.ts'
// Measures, sweeps and plots
export { loadSweep } from './config/sweep.ts'
export { type TrainConfig, trainSchema } from './config/train.ts'
export * from './core.ts'
export { type FaceEntry, FaceStore } from './data/face-store.ts'
export { StoreWriter } from './data/store-writer.ts'
export { psnr } from './eval/metrics/pixel-error.ts'
export { ssim } from './eval/metrics/ssim.ts'
// Picture files
export { pictureSize, writeImage } from './images/codec.ts'
// Work in other processes and on other machines
export {
  type InProcessOptions,
  inProcess,
  JobError,
  type JobOptions,
  type Jobs,
  JobsClosed,
  type MapOptions,
} from './jobs/jobs.ts'
export { type ProcessPoolOptions, processPool } from './jobs/process-pool.ts'
export { type QueueOptions, queuePool, type ServeOptions, serve } from './jobs/queue.ts'
export { defineTask, type Environment, type JobContext, type Task } from './jobs/task.ts'
// Protected files, and back
export { readKey, writeKey } from './keys/files.ts'
export { wrongKey } from './keys/key.ts'
export { protectFace } from './pipeline/face.ts'
export { facesOfPhoto, keyOfPhotoFace } from './pipeline/photo-face.ts'
export { type ProtectFileOptions, protectFile } from './pipeline/protect-file.ts'
export { type LockedPicture, type ReadProtectedOptions, readProtected, recoverFile } from './pipeline/recover-file.ts'
export { fileTheme, plotSvg } from './report/plot.ts'
export { writeReport } from './report/sweep-files.ts'
export { runSweep } from './sweep/run.ts'
export type { RunPaths } from './train/bases.ts'
export { type RunEvents, type RunOptions, runTraining } from './train/run.ts'
export { type ConfigSources, loadConfig } from './yaml/load.ts'
