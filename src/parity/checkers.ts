/** Which check a golden file asks for, by its `kind`. */
import type { Check, GoldenFile, LoadGolden } from './golden.ts'

type Checker = (golden: never, load: LoadGolden) => Promise<Check[]>

/** A checker's networks are loaded only when a file needs them. */
const checkers: Readonly<Record<string, () => Promise<Checker>>> = {
  schedule: async () => (await import('./check-schedule.ts')).checkSchedule,
  unet: async () => (await import('./check-latent-diffusion.ts')).checkUnet,
  autoencoder: async () => (await import('./check-latent-diffusion.ts')).checkAutoencoder,
  'tiny-autoencoder': async () => (await import('./check-latent-diffusion.ts')).checkTinyAutoencoder,
  'clip-vision': async () => (await import('./check-clip.ts')).checkClipVision,
  'clip-text': async () => (await import('./check-clip.ts')).checkClipText,
  'clip-pixels': async () => (await import('./check-clip.ts')).checkClipPixels,
  'clip-tokens': async () => (await import('./check-clip.ts')).checkClipTokens,
  msi: async () => (await import('./check-latent-diffusion.ts')).checkMsi,
  'arcface-ir-se50': async () => (await import('./check-networks.ts')).checkIrSe50,
  facenet: async () => (await import('./check-networks.ts')).checkFacenet,
  bisenet: async () => (await import('./check-networks.ts')).checkBisenet,
  'fid-inception': async () => (await import('./check-networks.ts')).checkFidInception,
  lpips: async () => (await import('./check-networks.ts')).checkLpips,
  pipeline: async () => (await import('./check-pipeline.ts')).checkPipeline,
}

/** Whether a check stays within its tolerance; NaN does not. */
export const passes = ({ relativeError, tolerance }: Check): boolean => relativeError <= tolerance

/**
 * Runs the check of one golden file on the backend in use.
 * @throws Error when its kind is unknown or the file lacks a reference that the check needs
 */
export async function checkGolden(golden: GoldenFile, load: LoadGolden): Promise<Check[]> {
  const checker = await checkers[golden.kind]?.()
  if (!checker)
    throw new Error(`unknown kind '${golden.kind}': this version checks ${Object.keys(checkers).join(', ')}`)
  return checker(golden as never, load)
}
