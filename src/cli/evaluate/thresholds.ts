import type { ArgumentsCamelCase, Argv } from 'yargs'
import { textLine } from '../../util/text-table.ts'

export const command = 'thresholds'

export const describe = "measure each recognizer's threshold and accuracy on clean faces"

export const builder = (yargs: Argv) =>
  yargs
    .option('faces', { type: 'string', demandOption: true, describe: 'a prepared store of faces: runs/data/lfw/test' })
    .option('far', { type: 'number', default: 0.001, describe: 'false accept rate of the threshold' })
    .option('write', { type: 'boolean', default: false, describe: 'save these as the thresholds of all measurements' })

interface Arguments {
  faces: string
  far: number
  write: boolean
  backend?: string
}

/** Prints one line for each recognizer. */
export async function handler({ faces, far, write, backend }: ArgumentsCamelCase<Arguments>): Promise<void> {
  const { basename, dirname, join } = await import('node:path')
  const { writeJsonAtomic } = await import('../../util/atomic-write.ts')
  const { useBackend } = await import('../../backend/index.ts')
  const { FaceStore } = await import('../../data/face-store.ts')
  const { calibrate, checkPairs } = await import('../../eval/identity/accept-thresholds.ts')
  const { byIdentity } = await import('../../eval/pairs.ts')
  const { thresholdsPath } = await import('../../faces/recognizers.ts')
  const { loadRecognizer, recognizerNames } = await import('../../faces/recognizers.ts')
  const { progress } = await import('../../util/progress.ts')
  const { sha256 } = await import('../../weights/checksum.ts')

  const store = await FaceStore.open(faces)
  checkPairs(store, far)
  const people = byIdentity(store.entries).size
  const place = `${basename(dirname(faces))}/${basename(faces)}`
  const made =
    `${store.count} faces of ${people} people, ${place}, faces.u8 sha256 ${await sha256(join(faces, 'faces.u8'))}, ` +
    new Date().toISOString().slice(0, 10)
  await useBackend(backend)

  const thresholds: Record<string, object> = {}
  console.log(`${store.count} faces of ${people} people, threshold at a false accept rate of ${far}`)
  console.log(row('recognizer', 'threshold', 'true accept rate (95 %)', 'genuine', 'impostor'))
  for (const name of recognizerNames) {
    const bar = progress(name, store.count)
    const recognizer = await loadRecognizer(name)
    const found = await calibrate(recognizer, store, far, done => bar.update(done)).finally(() => bar.stop())
    thresholds[name] = { ...found, made }
    const [low, high] = found.tarInterval.map(percent)
    const tar = `${percent(found.tar)} (${low} to ${high})`
    console.log(row(name, found.threshold.toFixed(4), tar, `${found.genuinePairs}`, `${found.impostorPairs}`))
  }
  await store.close()
  if (write) {
    await writeJsonAtomic(thresholdsPath, thresholds)
    console.log(`written to ${thresholdsPath}`)
  }
}

const row = (name: string, threshold: string, tar: string, genuine: string, impostor: string) =>
  textLine([name, threshold, tar, genuine, impostor], columns)

const columns = [{ width: 14 }, ...[9, 26, 8, 9].map(width => ({ width, right: true }))]

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
