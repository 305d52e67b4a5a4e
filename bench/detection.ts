/**
 * `npm run bench:detection -- --faces DIR [--faces DIR]`: how many faces the finder misses or misplaces in photos composed of
 * the faces of those folders, and how long it takes. Every scene's counts are written into docs/detection.json when it is done,
 * so that a bench that was interrupted goes on there; the tables go into docs/detection.md.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { useBackend } from '../src/backend/index.ts'
import { readImage } from '../src/images/codec.ts'
import type { Image } from '../src/images/image.ts'
import { writeJsonAtomic } from '../src/util/atomic-write.ts'
import { UserError } from '../src/util/errors.ts'
import { RandomStream } from '../src/util/random.ts'
import { writeBetweenMarks } from './between-marks.ts'
import { command } from './command.ts'
import { measureScene, type SceneResult } from './detection/measure.ts'
import { type Group, scenesMarkdown, timesMarkdown } from './detection/report.ts'
import * as scenes from './detection/scenes.ts'
import { picturesBelow, type SourceFace, sourceFaces } from './detection/sources.ts'
import { type Timing, timeOf } from './detection/times.ts'
import { byTone, tones } from './detection/tones.ts'
import { type Machine, thisMachine } from './machine.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const [store, page] = ['docs/detection.json', 'docs/detection.md'].map(path => join(root, path)) as [string, string]

/** What docs/detection.json holds. */
interface Measured extends Machine {
  readonly settings: Settings
  readonly scenes: Record<string, SceneResult>
  readonly timings: Timing[]
}

interface Settings {
  /** Faces a scene; turned ones twice as many. */
  readonly count: number
  readonly seed: number
  /** Upright photos that are searched as they are. */
  readonly portraits: number
  readonly backend: string
}

/** Photos that times are for: backend and megapixels. */
const timed: readonly (readonly [string, number])[] = ['tensorflow', 'wasm'].flatMap(backend =>
  [1, 12, 24, 100].map(megapixels => [backend, megapixels] as const),
)

interface PlannedGroup extends Omit<Group, 'results'> {
  readonly scenes: readonly scenes.Scene[]
}

function groupsOf(
  sources: readonly SourceFace[],
  portraits: readonly string[],
  others: readonly Image[],
  { count, seed }: Settings,
): PlannedGroup[] {
  const half = (border: (typeof scenes.borders)[number]) => scenes.borderScene(sources, border, count, seed)
  const close = [0.7, 0.85, 1].map(share => scenes.closeScene(sources, share, count, seed))
  const small = scenes.largePhotos.map((size, i) => scenes.smallScene(sources, size, [6, 4, 2][i]!, seed))
  const toned = byTone(sources)
  return [
    { title: 'upright portraits', aim: 0, scenes: [scenes.portraitScene(portraits)] },
    {
      title: 'turned faces',
      aim: 0.02,
      scenes: [scenes.besideScene(sources, 2 * count, seed), scenes.wholeScene(sources, 2 * count)],
    },
    { title: 'small faces', aim: 0.01, scenes: small },
    { title: 'half a face', aim: 0.1, scenes: scenes.borders.map(half) },
    { title: 'close-ups', aim: 0.02, scenes: close },
    { title: 'dark photos', aim: 0.05, scenes: tones.map(tone => scenes.darkScene(toned[tone], `${tone} skin`)) },
    { title: 'no people', aim: 0.05, scenes: [scenes.emptyScene(sources, others, 2 * count, seed)] },
  ]
}

await command(async () => {
  const { values: options } = parseArgs({
    options: {
      faces: { type: 'string', multiple: true },
      others: { type: 'string' },
      portraits: { type: 'string', default: '200' },
      count: { type: 'string', default: '36' },
      seed: { type: 'string', default: '1' },
      backend: { type: 'string', default: 'auto' },
      only: { type: 'string', default: '' },
      show: { type: 'string' },
    },
  })
  const folders = options.faces ?? []
  if (folders.length === 0)
    throw new UserError('expected --faces DIR, a folder of photos of one person each, found none')
  const [count, seed, portraits] = [options.count, options.seed, options.portraits].map(Number)
  const settings = { count: count!, seed: seed!, portraits: portraits!, backend: await useBackend(options.backend) }
  const measured = await resume(settings)
  const sources: SourceFace[] = []
  for (const folder of folders) sources.push(...(await sourceFaces(folder, Math.ceil(count! / folders.length), seed!)))
  const others = options.others
    ? await Promise.all((await picturesBelow(options.others)).map(path => readImage(path)))
    : []
  const groups = groupsOf(sources, await uprightPhotos(folders, settings), others, settings)
  for (const scene of groups.flatMap(group => group.scenes)) {
    if (measured.scenes[scene.name] || !scene.name.includes(options.only)) continue
    const result = await measureScene(scene, options.show ? { show: options.show } : {})
    measured.scenes[scene.name] = result
    await writeJsonAtomic(store, measured)
    process.stderr.write(
      `${scene.name}: ${result.missed} missed, ${result.misplaced} misplaced, ${result.covered} covered of ${result.faces}\n`,
    )
  }
  for (const [backend, megapixels] of timed) {
    const isKnown = measured.timings.some(timing => timing.backend === backend && timing.megapixels === megapixels)
    if (isKnown || !'times'.includes(options.only)) continue
    measured.timings.push(timeOf(backend, megapixels))
    await writeJsonAtomic(store, measured)
  }
  const done = groups.map(({ title, aim, scenes }) => ({
    title,
    aim,
    results: scenes.flatMap(({ name }) => measured.scenes[name] ?? []),
  }))
  const { processor, cores, memoryGB, commit } = measured
  const markdown = [
    `${processor}, ${cores} cores, ${memoryGB} GB of memory; ${settings.backend}; commit ${commit}.`,
    scenesMarkdown(done.filter(({ results }) => results.length > 0)),
    timesMarkdown(measured.timings),
  ].join('\n\n')
  console.log(markdown)
  await writeBetweenMarks(page, 'bench:detection', markdown)
})

/** Photos of the folders in random order, as many of each as there are, until there are enough. */
async function uprightPhotos(folders: readonly string[], { portraits, seed }: Settings): Promise<string[]> {
  const paths = (await Promise.all(folders.map(picturesBelow))).map(found => {
    const order = new RandomStream(seed, 'portraits').permutation(found.length)
    return Array.from(order, i => found[i]!)
  })
  const chosen: string[] = []
  for (let i = 0; chosen.length < portraits && paths.some(list => i < list.length); i++)
    for (const list of paths) chosen.push(...list.slice(i, i + 1))
  return chosen.slice(0, portraits)
}

/** What was measured under these settings, or nothing yet. @throws UserError when docs/detection.json is of others */
async function resume(settings: Settings): Promise<Measured> {
  if (!existsSync(store)) return { ...thisMachine(), settings, scenes: {}, timings: [] }
  const known: Measured = JSON.parse(await readFile(store, 'utf8'))
  if (JSON.stringify(known.settings) === JSON.stringify(settings)) return known
  throw new UserError(`expected ${store} to be of these settings, found others: move it away to measure anew`)
}
