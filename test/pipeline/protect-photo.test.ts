/** What becomes of a photo's faces, with work on them that is made up: who is who is told by how strong an edge is. */
import { describe, expect, test } from 'vitest'
import { loadRecipe, type Recipe } from '../../src/config/recipe.ts'
import type { JudgedFace } from '../../src/faces/judge-face.ts'
import { fivePoints, meanLandmarks } from '../../src/faces/template.ts'
import type { Image } from '../../src/images/image.ts'
import { type FaceView, passes, viewOf } from '../../src/pipeline/check-result.ts'
import { type FaceWork, type ProtectByOptions, protectPhotoBy } from '../../src/pipeline/photo.ts'
import type { UnboundKey } from '../../src/pipeline/photo-face.ts'
import { NoFaceError } from '../../src/pipeline/photo-report.ts'
import { recoverPhoto } from '../../src/pipeline/recover-photo.ts'
import { faceLines, failedChecks } from '../../src/report/protect-summary.ts'

/** A picture that is dark on the left and light on the right. */
function edge(contrast: number, side = 96): Image {
  const level = (x: number) => 128 + (x < side / 2 ? -1 : 1) * (contrast / 2)
  return {
    width: side,
    height: side,
    data: Uint8Array.from({ length: 3 * side * side }, (_, k) => level((k / 3) % side)),
  }
}

const places = [60, 220]
/** A photo of two people: their contrasts. */
function photoOf(contrasts: readonly number[]): Image {
  const [width, height] = [300, 140]
  const data = new Uint8Array(3 * width * height).fill(90)
  contrasts.forEach((contrast, i) => {
    const face = edge(contrast, 100)
    for (let y = 0; y < 100; y++)
      data.set(face.data.subarray(300 * y, 300 * (y + 1)), 3 * ((y + 20) * width + places[i]! - 50))
  })
  return { width, height, data }
}

function faceAt(x: number, problem?: JudgedFace['problem']): JudgedFace {
  const landmarks = meanLandmarks(90).map(p => ({ x: p.x + x - 45, y: p.y + 15 }))
  const box = { x: x - 24, y: 42, width: 48, height: 56 }
  return { box, score: 0.9, landmarks, points: fivePoints(landmarks), roll: 0, ...(problem && { problem }) }
}

const contrastOf = ({ image, box }: FaceView) => {
  const mean = (from: number) => {
    let sum = 0
    for (let x = from; x < from + 6; x++)
      sum += image.data[3 * (Math.floor(box.y + box.height / 2) * image.width + x)]! / 6
    return sum
  }
  const middle = Math.floor(box.x + box.width / 2)
  return mean(middle + 3) - mean(middle - 9)
}
const key = (index: number): UnboundKey => ({
  face: index,
  transform: { a: 1, b: 0, tx: 0, ty: 0 },
  model: { name: 'none', sha256: '0'.repeat(64) },
  recipe: { steps: 2 },
  shapes: { embeddings: [1, 1], latent: [1, 1, 1] },
  embeddings: new Float32Array(1),
  latent: new Float32Array(1),
})

/** @param versions contrasts of each face's versions, round after round */
function work(
  faces: readonly JudgedFace[],
  versions: readonly (readonly number[])[],
  sideBySide = false,
): FaceWork & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    sideBySide,
    search: async () => ({ faces, doubtful: [{ box: faceAt(150).box, score: 0.4 }], smallest: 20 }),
    protect: async ({ index }, { samples }, { round, onStep }) => {
      asked.push(`${index}/${round}`)
      onStep?.(1, 1)
      return Array.from({ length: samples }, () => edge(versions[index]![round]!))
    },
    key: async ({ index }) => key(index),
    embed: async views =>
      views.map(view => {
        const angle = (contrastOf(view) / 255) * (Math.PI / 2)
        return [[Math.cos(angle), Math.sin(angle)]]
      }),
  }
}

const anonymize: Recipe = await loadRecipe('faces-128/anonymize')
const hide: Recipe = await loadRecipe('faces-128/hide')
const model = { imageSize: 96, alignment: 'template' as const }
/** Takes contrasts that are apart by less than 43 for one person's. */
const checker = { recognizer: 'mobilefacenet' as const, threshold: Math.cos(Math.PI / 12) }
const people = [200, 20]
const both = places.map(x => faceAt(x))

function protect(faces: FaceWork, recipe = anonymize, options: Partial<ProtectByOptions> = { checker }) {
  return protectPhotoBy(faces, model, photoOf(people), { ...recipe, samples: 1 }, { randomness: 1, ...options })
}

describe('the check of the result', () => {
  test('passes versions that are like nobody, at once', async () => {
    const faces = work(both, [[110], [100]])
    const { report } = await protect(faces)
    expect(faces.asked).toEqual(['0/0', '1/0'])
    expect(report.faces.map(({ resampled, covered }) => ({ resampled, covered }))).toEqual([
      { resampled: 0, covered: undefined },
      { resampled: 0, covered: undefined },
    ])
    expect(report.faces.every(({ checks: [check] }) => check!.similarity < checker.threshold && !check!.accepted)).toBe(
      true,
    )
    expect(report).toMatchObject({ checkedBy: 'mobilefacenet', smallest: 20, width: 300, height: 140 })
    expect(faceLines('anonymize', [{ path: 'a.jpg', report }])).toEqual([
      '2 faces in 1 photo anonymized',
      'left as they are, perhaps faces: 1 in 1 photo: look at them in the review',
      'checked: 2 faces, 0 still recognised by MobileFaceNet',
    ])
  })

  test.each([false, true])(
    'samples again who is still recognised, and nobody else (side by side: %s)',
    async sideBySide => {
      const faces = work(both, [[190, 195, 110], [100]], sideBySide)
      const { report, photos } = await protect(faces)
      expect(faces.asked.toSorted()).toEqual(['0/0', '0/1', '0/2', '1/0'])
      expect(report.faces.map(({ resampled }) => resampled)).toEqual([2, 0])
      expect(contrastOf(viewOf(photos[0]!, both[0]!, true))).toBeCloseTo(110, -1)
    },
  )

  test('compares with every face of the photo: a version must not be like somebody beside it', async () => {
    const faces = work(both, [[110], [210, 100]])
    const { report } = await protect(faces)
    expect(faces.asked).toEqual(['0/0', '1/0', '1/1'])
    expect(failedChecks('anonymize', report)).toBe(0)
  })

  test('covers who is still recognised after that', async () => {
    const { report, photos } = await protect(work(both, [[190, 195, 205], [100]]))
    const [face] = report.faces
    expect(face!.covered).toEqual({ reason: 'recognised', detail: 'in 3 attempts' })
    expect(face!.checks[0]!.accepted).toBe(false)
    expect(contrastOf(viewOf(photos[0]!, both[0]!, true))).toBeLessThan(150)
    const lines = faceLines('anonymize', [{ path: 'a.jpg', report }])
    expect(lines.slice(0, 2)).toEqual([
      'a.jpg: face 1 covered: recognised (in 3 attempts)',
      '2 faces in 1 photo: 1 anonymized, 1 covered by a blur instead: 1 recognised',
    ])
    expect(lines.at(-1)).toBe('checked: 2 faces, 0 still recognised by MobileFaceNet')
  })

  test('says so where even a cover does not help', async () => {
    const seeing = work(both, [[190, 195, 205], [100]])
    const blind = { ...seeing, embed: async (views: readonly FaceView[]) => views.map(() => [[1, 0]]) }
    const { report } = await protect(blind)
    expect(failedChecks('anonymize', report)).toBe(2)
    expect(faceLines('anonymize', [{ path: 'a.jpg', report }]).slice(-3)).toEqual([
      'a.jpg: face 1 is still recognised',
      'a.jpg: face 2 is still recognised',
      'checked: 2 faces, 2 still recognised by MobileFaceNet',
    ])
  })

  test('of hidden faces is the other way round: who is no longer recognised is sampled again, and told of', async () => {
    const faces = work(both, [
      [110, 190],
      [100, 110, 120],
    ])
    const { report, photos } = await protect(faces, hide)
    expect(faces.asked).toEqual(['0/0', '1/0', '0/1', '1/1', '1/2'])
    // The nearest of the three stays.
    expect(contrastOf(viewOf(photos[0]!, both[1]!, true))).toBeCloseTo(100, -1)
    expect(report.faces.map(({ checks: [check] }) => passes('hide', check!))).toEqual([true, false])
    expect(report.faces.every(({ covered }) => covered === undefined)).toBe(true)
    expect(faceLines('hide', [{ path: 'a.jpg', report }]).slice(-2)).toEqual([
      'a.jpg: face 2 is no longer recognised',
      'checked: 2 faces, 1 no longer recognised by MobileFaceNet',
    ])
  })

  test('is left out unless asked for', async () => {
    const faces = work(both, [[190], [100]])
    const { report } = await protect(faces, anonymize, {})
    expect(faces.asked).toEqual(['0/0', '1/0'])
    expect(report.checkedBy).toBeUndefined()
    expect(faceLines('anonymize', [{ path: 'a', report }]).join()).not.toContain('checked')
  })
})

describe('faces that cannot be replaced', () => {
  const problem = { reason: 'in profile', detail: 'turned by about 60 degrees' } as const
  const turned = [faceAt(places[0]!, problem), both[1]!]

  test('are covered, and their keys give them back', async () => {
    const faces = work(turned, [[], [100]])
    const { report, photos, faces: done } = await protect(faces)
    expect(faces.asked).toEqual(['1/0'])
    expect(report.faces.map(({ covered }) => covered?.reason)).toEqual(['in profile', undefined])
    expect(contrastOf(viewOf(photos[0]!, turned[0]!, true))).toBeLessThan(150)
    const keys = done.map(({ key }) => ({ ...key, picture: '' }))
    const back = await recoverPhoto(() => Promise.reject(new Error('no model')), photos[0]!, keys)
    const before = photoOf(people)
    const apart = [...back.data].map((value, k) => Math.abs(value - before.data[k]!))
    expect(apart.reduce((a, b) => Math.max(a, b))).toBeLessThan(12)
    expect(apart.reduce((a, b) => a + b) / apart.length).toBeLessThan(0.5)
  })

  test('refuse their photo where that is asked for, by number and reason', async () => {
    await expect(protect(work(turned, [[], [100]]), anonymize, { fallback: 'refuse' })).rejects.toThrow(
      'cannot give every face a new one: face 1 is in profile (turned by about 60 degrees): --fallback blur covers such faces',
    )
    const recognised = protect(work(both, [[190, 195, 205], [100]]), anonymize, { fallback: 'refuse', checker })
    await expect(recognised).rejects.toThrow(/face 1 is recognised \(in 3 attempts\)/)
  })

  test('of hidden faces are not asked to be recognised', async () => {
    const { report } = await protect(work(turned, [[], [20]]), hide)
    expect(failedChecks('hide', report)).toBe(0)
    expect(faceLines('hide', [{ path: 'a', report }]).at(-1)).toBe(
      'checked: 1 face, 0 no longer recognised by MobileFaceNet',
    )
  })
})

test('a photo without a face says how small one may be, and keeps what was found instead', async () => {
  const error = await protect(work([], [])).catch(error => error)
  expect(error).toBeInstanceOf(NoFaceError)
  expect(error.message).toMatch(/found none in it: is a face at least 20 pixels wide\?/)
  expect(error.search.doubtful).toHaveLength(1)
})

test('transparency goes over to the result', async () => {
  const alpha = new Uint8Array(300 * 140).fill(100)
  const photo = { ...photoOf(people), alpha }
  const recipe = { ...anonymize, samples: 1 }
  const { photos } = await protectPhotoBy(work(both, [[110], [100]]), model, photo, recipe, { randomness: 1 })
  expect(photos[0]!.alpha).toBe(alpha)
})
