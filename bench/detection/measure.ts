/** Searches the photos of a scene and counts. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { detectFaces } from '../../src/faces/detect.ts'
import { type JudgedFace, judgeFace } from '../../src/faces/judge-face.ts'
import { encodeImage } from '../../src/images/codec.ts'
import { judge, type Verdict } from './judge.ts'
import type { Photo, Scene } from './scenes.ts'

export interface SceneResult {
  readonly name: string
  readonly photos: number
  readonly faces: number
  readonly missed: number
  /** Found, but not well placed: covered instead of given a new face. */
  readonly covered: number
  readonly misplaced: number
  /** Photos in which a face was found that is none. */
  readonly falselyAlarmed: number
  /** Names of the photos in which something went wrong, and what. */
  readonly failures: readonly string[]
  /** Mean seconds of a search. */
  readonly seconds: number
}

export interface MeasureOptions {
  /** Where annotated pictures of what went wrong go, if anywhere. */
  readonly show?: string
  readonly onPhoto?: (name: string) => void
}

export async function measureScene({ name, photos }: Scene, { show, onPhoto }: MeasureOptions): Promise<SceneResult> {
  const counts = { photos: 0, faces: 0, missed: 0, covered: 0, misplaced: 0, falselyAlarmed: 0 }
  const failures: string[] = []
  let seconds = 0
  for await (const photo of photos()) {
    const started = performance.now()
    const found = (await detectFaces(photo.picture)).map(judgeFace)
    seconds += (performance.now() - started) / 1000
    const { verdicts, falseAlarms } = judge(photo.picture, photo.places, found)
    counts.photos++
    counts.faces += photo.places.length
    counts.missed += verdicts.filter(verdict => verdict === 'missed').length
    counts.covered += verdicts.filter(verdict => verdict === 'covered').length
    counts.misplaced += verdicts.filter(verdict => verdict === 'misplaced').length
    if (falseAlarms.length > 0) counts.falselyAlarmed++
    if (falseAlarms.length > 0 || verdicts.some(verdict => verdict !== 'found')) {
      failures.push(
        `${photo.name}: ${[...verdicts, ...falseAlarms.map(({ score }) => `alarm ${score.toFixed(2)}`)].join(' ')}`,
      )
      if (show) await annotate(photo, found, verdicts, show)
    }
    onPhoto?.(photo.name)
  }
  return { name, ...counts, failures, seconds: seconds / counts.photos }
}

/** Draws what is in a photo (dashed) and what was found (green), with the landmarks. */
async function annotate(
  { name, picture, places }: Photo,
  found: readonly JudgedFace[],
  verdicts: readonly Verdict[],
  folder: string,
) {
  const line = Math.max(1, picture.width / 800)
  const rectangle = ({ box }: Pick<JudgedFace, 'box'>, style: string) =>
    `<rect x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" fill="none" stroke-width="${line}" ${style}/>`
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${picture.width}" height="${picture.height}">`,
    ...places.map((place, i) =>
      rectangle(place, `stroke="${verdicts[i] === 'found' ? 'yellow' : 'red'}" stroke-dasharray="${4 * line}"`),
    ),
    ...found.map(face => rectangle(face, 'stroke="lime"')),
    ...found.flatMap(({ landmarks }) =>
      landmarks.map(
        ({ x, y }, i) =>
          `<circle cx="${x}" cy="${y}" r="${line}" fill="${i < 17 ? 'yellow' : i < 36 ? 'red' : i < 48 ? 'blue' : 'magenta'}"/>`,
      ),
    ),
    '</svg>',
  ].join('')
  await mkdir(folder, { recursive: true })
  const drawn = sharp(await encodeImage(picture, 'png')).composite([{ input: Buffer.from(svg) }])
  await drawn.jpeg().toFile(join(folder, `${name.replace(/[^\w.-]+/g, '_')}.jpg`))
}
