/**
 * Puts a generated face in FFHQ alignment into a photo so that the photo looks untouched: its light, its sharpness and its grain.
 * paste.ts pastes faces on the recognizers' template.
 */
import type { Image } from '../images/image.ts'
import { ffhqTransform } from './alignment.ts'
import { colourField, darkOffset } from './colour-field.ts'
import { type FaceRegions, faceRegions, smoothStep } from './face-regions.ts'
import { blur, type GuidedLines, guidedFilter, normalizedConvolution } from './filters.ts'
import { facePixel, type Grain, generatedSkin, grainOf, matchDetail, photoSkin } from './match-detail.ts'
import { removeGrid } from './remove-grid.ts'
import { type Raster, resampleSimilarity } from './resample-similarity.ts'
import { bareFace, hairStrands, lumaOf, skinProbability } from './skin.ts'
import type { Point } from './template.ts'
import { apply, invert, type Similarity, scaleOf } from './warp.ts'

export interface CompositeOptions {
  /**
   * Takes the photo's coordinates to those of the face's FFHQ square, as `alignFfhq` gave it. The square's side there need
   * not be that of the generated face.
   */
  readonly transform: Similarity
  /** The 68 landmarks of the face in the photo's pixels, by which it was aligned. */
  readonly landmarks: readonly Point[]
  /** Where grain is drawn from; always the same by default. */
  readonly grain?: Grain
}

/** Side of the square in which mask and colours are worked out. */
const analysisSide = 256

/** Over this share of the square's side the generated face's low frequencies come in; its details do over the mask's rim. */
const wideRim = 0.06

/** What is low frequency there: standard deviation of the blur, relative to the square's side. */
const lowFrequency = 0.035

/**
 * The photo with the generated face in the place of its own.
 *
 * 1. Both faces at 256 px; the mask is the landmarks' outline less what covers the face in either (`bareFace`).
 * 2. A smooth field of gains takes the generated face to the photo's light and skin tone (`colourField`).
 * 3. On the photo's own pixels, its bands are given the photo's sharpness and grain (`matchDetail`).
 * 4. Two bands are blended: low frequencies over a wide rim, details over a narrow one, which follows the photo's edges.
 *
 * @param generated square, in FFHQ alignment
 * @returns a new photo; pixels outside of the face's outline are the given one's, bit for bit
 */
export function compositeFace(photo: Image, generated: Image, options: CompositeOptions): Image {
  const { toAnalysis, analysis, box } = prepare(photo, generated, options)
  if (!box) return { ...photo, data: photo.data.slice() }
  const face = detailed(photo, generated, { box, toAnalysis, analysis }, options.grain ?? grainOf())
  return blend(photo, face, box, toAnalysis, analysis)
}

/** Of the pixels that a composite changes, those in which something of the photo stays, as shares of them. */
export interface OriginalShare {
  /** More than 2 % of the photo's details. */
  readonly details: number
  /** More than 2 % of its low frequencies, which say no more than colour and light. */
  readonly lowFrequencies: number
}

/** How much of the original face a composite lets through. @param generated, options as of `compositeFace` */
export function originalShare(photo: Image, generated: Image, options: CompositeOptions): OriginalShare {
  const { toAnalysis, analysis, box } = prepare(photo, generated, options)
  const counts = { changed: 0, details: 0, lowFrequencies: 0 }
  if (box)
    eachChanged(photo, box, toAnalysis, analysis, (_k, _i, narrow, slow) => {
      if (narrow <= 0.02) return
      counts.changed++
      if (narrow < 0.98) counts.details++
      if (slow < 0.98) counts.lowFrequencies++
    })
  return { details: counts.details / counts.changed, lowFrequencies: counts.lowFrequencies / counts.changed }
}

/** What the photo and the generated face show in the square, and where in the photo that is. */
function prepare(photo: Image, generated: Image, options: CompositeOptions) {
  const size = generated.width
  if (generated.height !== size)
    throw new Error(`compositeFace: expected a square face, found ${size} x ${generated.height}`)
  const toAnalysis = rescale(options, analysisSide)
  const regions = faceRegions(
    options.landmarks.map(p => apply(toAnalysis, p)),
    analysisSide,
  )
  const before = resampleSimilarity(photo, invert(toAnalysis), analysisSide, analysisSide)
  const scale = size / analysisSide
  const after = resampleSimilarity(generated, { a: scale, b: 0, tx: 0, ty: 0 }, analysisSide, analysisSide)
  const analysis = analyse(before, after, regions)
  return { toAnalysis, analysis, box: boxOf(analysis.mask, invert(toAnalysis), photo) }
}

/** What is known at `analysisSide`. */
interface Analysis {
  /** How much the composite shows of the generated face. */
  readonly mask: Float32Array
  /** What `shown` takes at the photo's resolution: lines of its luma in 0..1, and where the generated face is bare. */
  readonly edges: GuidedLines & Pick<FaceRegions, 'outline' | 'core'> & { readonly bareAfter: Float32Array }
  /** Low frequencies come in by this. */
  readonly wide: Float32Array
  /** What of the difference of the two faces is low frequency, three channels. */
  readonly low: Float32Array
  readonly gains: Raster
  /** What pixels show, for `matchDetail`. */
  readonly kinds: Uint8Array
}

function analyse(before: Raster, after: Raster, regions: FaceRegions): Analysis {
  const { side, outline, depth, core } = regions
  const [skinBefore, skinAfter] = [skinProbability(before, regions), skinProbability(after, regions)]
  const bare = bareFace(skinBefore, regions)
  const bareAfter = wellWithin(bareFace(skinAfter, regions, hairStrands(after, side)), side)
  const luma = Float32Array.from(bare, (_, i) => lumaOf(before.data, 3 * i) / 255)
  const uncovered = guidedFilter(luma, bare, { width: side, height: side }, 0.012 * side, 4e-4)
  const edges = { ...uncovered, outline, core, bareAfter }
  const mask = outline.map((value, i) =>
    shown(value, core[i]!, uncovered.slope[i]! * luma[i]! + uncovered.offset[i]!, bareAfter[i]!),
  )
  const both = skinBefore.map((value, i) => value * skinAfter[i]!)
  const gains = colourField(before, after, both, mask, regions)
  const wide = wideMask(mask, depth, core, side)
  const low = lowDifference(before, after, gains, mask, side)
  const kinds = Uint8Array.from(mask, (value, i) => {
    if (value < 0.9 || depth[i]! < 0.4) return 0
    if (regions.features[i]) return facePixel
    return facePixel + (skinBefore[i]! > 0.6 ? photoSkin : 0) + (skinAfter[i]! > 0.6 ? generatedSkin : 0)
  })
  return { mask, edges, wide, low, gains, kinds }
}

/** How much of the generated face shows: all in the core, elsewhere where nothing covers either face. */
const shown = (outline: number, core: number, uncovered: number, bareAfter: number) =>
  outline * Math.max(core, bareAfter * smoothStep(uncovered))

/** A mask without its rim, which hair's edge is on, softly. */
function wellWithin(mask: Float32Array, side: number): Float32Array {
  const smooth = blur({ width: side, height: side, channels: 1, data: mask }, 0.014 * side).data
  return smooth.map(value => smoothStep((value - 0.7) / 0.28))
}

/** The mask, rising more slowly and only within it. */
function wideMask(mask: Float32Array, depth: Float32Array, core: Float32Array, side: number): Float32Array {
  const smooth = blur({ width: side, height: side, channels: 1, data: mask }, wideRim * side * 0.5).data
  return mask.map((value, i) =>
    Math.min(value, Math.max(core[i]!, smoothStep((smooth[i]! - 0.45) / 0.45) * smoothStep(depth[i]! / 0.6))),
  )
}

/** Normalized convolution of the difference of the corrected face to the photo, within the mask. */
function lowDifference(before: Raster, after: Raster, gains: Raster, mask: Float32Array, side: number): Float32Array {
  const difference = before.data.map((value, k) => gained(after.data[k]!, gains.data[k]!) - value)
  return normalizedConvolution(difference, mask, side, { sigma: lowFrequency * side, doubt: 1e-4, prior: [0, 0, 0] })
}

const gained = (value: number, gain: number) => (value + darkOffset) * gain - darkOffset

interface Rectangle {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** The generated face on the photo's pixels in a box, its colours, sharpness and grain corrected. */
function detailed(
  photo: Image,
  generated: Image,
  { box, toAnalysis, analysis: { gains, kinds } }: { box: Rectangle; toAnalysis: Similarity; analysis: Analysis },
  grain: Grain,
): Raster {
  const scale = generated.width / analysisSide
  const toGenerated = fromBox(scaled(toAnalysis, scale), box)
  const side = analysisSide / scaleOf(toAnalysis) // of the face's square in the photo's pixels
  const clean = generated.width >= 512 && side > generated.width / 3 ? removeGrid(generated) : generated
  const face = resampleSimilarity(clean, toGenerated, box.width, box.height)
  const original = cropped(photo, box)
  const look = lookUp(fromBox(toAnalysis, box), analysisSide)
  const kindOf = new Uint8Array(box.width * box.height)
  for (let y = 0, i = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++, i++) {
      look.at(x + 0.5, y + 0.5)
      kindOf[i] = kinds[look.nearest]!
      for (let c = 0; c < 3; c++) {
        const k = 3 * i + c
        face.data[k] = Math.min(255, Math.max(0, gained(face.data[k]!, look.of(gains.data, 3, c))))
      }
    }
  }
  const levels = Math.max(2, Math.min(4, Math.ceil(Math.log2(side / 40))))
  return matchDetail(original, face, kindOf, levels, grain)
}

function blend(photo: Image, face: Raster, box: Rectangle, toAnalysis: Similarity, analysis: Analysis): Image {
  const data = photo.data.slice()
  eachChanged(photo, box, toAnalysis, analysis, (k, i, narrow, slow, soft) => {
    for (let c = 0; c < 3; c++) {
      const [old, low] = [photo.data[k + c]!, soft(c)]
      const value = old + slow * low + narrow * (face.data[3 * i + c]! - old - low)
      data[k + c] = Math.min(255, Math.max(0, value + 0.5))
    }
  })
  return { width: photo.width, height: photo.height, data }
}

/**
 * Visits the pixels within the face's outline.
 * @param visit its place in the photo's data and in the box, how much of the generated face's details and of its low frequencies
 * shows there, and by how much low frequencies differ, by channel
 */
function eachChanged(
  photo: Image,
  box: Rectangle,
  toAnalysis: Similarity,
  { edges, wide, low }: Analysis,
  visit: (k: number, i: number, narrow: number, slow: number, soft: (channel: number) => number) => void,
): void {
  const look = lookUp(fromBox(toAnalysis, box), analysisSide)
  const soft = (channel: number) => look.of(low, 3, channel)
  for (let y = 0, i = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++, i++) {
      look.at(x + 0.5, y + 0.5)
      const outline = look.of(edges.outline, 1, 0)
      if (outline <= 0) continue
      const k = 3 * ((box.top + y) * photo.width + box.left + x)
      const luma = lumaOf(photo.data, k) / 255
      const narrow = shown(
        outline,
        look.of(edges.core, 1, 0),
        look.of(edges.slope, 1, 0) * luma + look.of(edges.offset, 1, 0),
        look.of(edges.bareAfter, 1, 0),
      )
      visit(k, i, narrow, Math.min(narrow, look.of(wide, 1, 0)), soft)
    }
  }
}

/** Bilinear look-ups in maps of side x side, all at one place. */
function lookUp({ a, b, tx, ty }: Similarity, side: number) {
  let [p, q, r, s] = [0, 0, 0, 0]
  let [wp, wq, wr, ws] = [0, 0, 0, 0]
  const looks = {
    nearest: 0,
    at(x: number, y: number): void {
      const u = Math.min(side - 1, Math.max(0, a * x - b * y + tx - 0.5))
      const v = Math.min(side - 1, Math.max(0, b * x + a * y + ty - 0.5))
      const x0 = Math.floor(u)
      const y0 = Math.floor(v)
      const x1 = Math.min(side - 1, x0 + 1)
      const y1 = Math.min(side - 1, y0 + 1)
      const s1 = u - x0
      const t1 = v - y0
      p = y0 * side + x0
      q = y0 * side + x1
      r = y1 * side + x0
      s = y1 * side + x1
      wp = (1 - s1) * (1 - t1)
      wq = s1 * (1 - t1)
      wr = (1 - s1) * t1
      ws = s1 * t1
      looks.nearest = s1 < 0.5 ? (t1 < 0.5 ? p : r) : t1 < 0.5 ? q : s
    },
    of(map: Float32Array, channels: number, c: number): number {
      return (
        wp * map[p * channels + c]! +
        wq * map[q * channels + c]! +
        wr * map[r * channels + c]! +
        ws * map[s * channels + c]!
      )
    },
  }
  return looks
}

/** The transform to a square of `side`, whatever the side of the square that the given one leads to. */
function rescale({ transform, landmarks }: CompositeOptions, side: number): Similarity {
  const given = Math.round(scaleOf(transform) / scaleOf(ffhqTransform(landmarks, 1)))
  return scaled(transform, side / given)
}

function scaled({ a, b, tx, ty }: Similarity, scale: number): Similarity {
  return { a: a * scale, b: b * scale, tx: tx * scale, ty: ty * scale }
}

/** A map of the photo's coordinates as one of a box's. */
function fromBox(map: Similarity, { left, top }: Rectangle): Similarity {
  const { x, y } = apply(map, { x: left, y: top })
  return { ...map, tx: x, ty: y }
}

/** The photo's pixels in which a mask shows, and a few about them; undefined where there are none. */
function boxOf(mask: Float32Array, toPhoto: Similarity, { width, height }: Image): Rectangle | undefined {
  const side = analysisSide
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (let i = 0; i < mask.length; i++) {
    if (mask[i]! <= 0) continue
    const { x, y } = apply(toPhoto, { x: (i % side) + 0.5, y: Math.floor(i / side) + 0.5 })
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  const margin = 2 * scaleOf(toPhoto) + 4
  const [x0, y0] = [Math.max(0, Math.floor(left - margin)), Math.max(0, Math.floor(top - margin))]
  const [x1, y1] = [Math.min(width, Math.ceil(right + margin)), Math.min(height, Math.ceil(bottom + margin))]
  return x1 > x0 && y1 > y0 ? { left: x0, top: y0, width: x1 - x0, height: y1 - y0 } : undefined
}

function cropped(photo: Image, { left, top, width, height }: Rectangle): Raster {
  const data = new Float32Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const start = 3 * ((top + y) * photo.width + left)
    data.set(photo.data.subarray(start, start + 3 * width), 3 * y * width)
  }
  return { width, height, channels: 3, data }
}
