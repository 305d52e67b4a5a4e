/** The scenes: photos composed of real faces, with what is where in them. */

import { basename } from 'node:path'
import type { Point } from '../../src/faces/template.ts'
import { readImage, resizeImage } from '../../src/images/codec.ts'
import type { Image } from '../../src/images/image.ts'
import { RandomStream } from '../../src/util/random.ts'
import { cut, darken, drawFace, placing } from './compose.ts'
import { paintOver } from './paint-over.ts'
import { type Place, placeIn, type SourceFace } from './sources.ts'

/** A photo to be searched, and the faces in it. */
export interface Photo {
  readonly name: string
  readonly picture: Image
  readonly places: readonly Place[]
}

export interface Scene {
  readonly name: string
  /** Its photos, one after the other. */
  readonly photos: () => AsyncIterable<Photo> | Iterable<Photo>
}

/** Angles of the turned scenes. */
export const angles = Array.from({ length: 24 }, (_, i) => 15 * i)

/** Widths in pixels of small faces, and the photos that they are in. */
const smallWidths = [20, 25, 30, 40, 60]
export const largePhotos: readonly (readonly [number, number])[] = [
  [1920, 1440],
  [4096, 3072],
  [6144, 4096],
]

/** Small faces of each width in a photo. */
const smallFaces = 4

/** Brightness of dark photos. */
const brightness = 0.25

/** Backgrounds: pictures without their faces, repeated and mirrored at some scale until they fill a photo. */
export function background(sources: readonly SourceFace[], width: number, height: number, stream: RandomStream): Image {
  const tiles = Array.from({ length: 4 }, () => {
    const source = sources[stream.integer(sources.length)]!
    return paintOver(source.picture, [source])
  })
  const scale = 1 + 2 * stream.uniform()
  const data = new Uint8Array(3 * width * height)
  const mirrored = (t: number, size: number) => (Math.floor(t / size) % 2 === 0 ? t % size : size - 1 - (t % size))
  for (let y = 0, k = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = [Math.floor(x / scale), Math.floor(y / scale)]
      const tile = tiles[(Math.floor(u / 250) + 2 * Math.floor(v / 250)) % tiles.length]!
      const i = 3 * (mirrored(v, tile.height) * tile.width + mirrored(u, tile.width))
      for (let c = 0; c < 3; c++) data[k++] = tile.data[i + c]!
    }
  return { width, height, data }
}

/** A face that stands and one that is turned, `count` photos for angles that go round. */
export function besideScene(sources: readonly SourceFace[], count: number, seed: number): Scene {
  return {
    name: 'turned beside upright',
    *photos() {
      for (let i = 0; i < count; i++) {
        const stream = new RandomStream(seed, 'beside', i)
        const picture = background(sources, 640, 420, stream)
        const angle = angles[i % angles.length]!
        const side = 70 + 60 * stream.uniform()
        const middle = (left: number): Point => ({ x: left + 40 * stream.uniform(), y: 190 + 40 * stream.uniform() })
        const upright = sources[(2 * i) % sources.length]!
        const turned = sources[(2 * i + 1) % sources.length]!
        const swap = i % 2 === 0
        const places = [
          drawFace(picture, upright, placing(upright, middle(swap ? 140 : 440), side, 0)),
          drawFace(picture, turned, placing(turned, middle(swap ? 440 : 140), side, angle)),
        ]
        yield { name: `beside-${i}-${angle}`, picture, places }
      }
    },
  }
}

/** A photo of one face, turned as a whole. */
export function wholeScene(sources: readonly SourceFace[], count: number): Scene {
  return {
    name: 'photo turned as a whole',
    *photos() {
      for (let i = 0; i < count; i++) {
        const source = sources[i % sources.length]!
        const angle = angles[i % angles.length]!
        const side = Math.sqrt(source.box.width * source.box.height)
        const [width, height] = [source.picture.width, source.picture.height]
        const { picture, place } = cut(
          source,
          placing(source, { x: width / 2, y: height / 2 }, side, angle),
          width,
          height,
        )
        yield { name: `whole-${i}-${angle}`, picture, places: [place] }
      }
    },
  }
}

/** Small faces in a large photo; some stand a little askew. */
export function smallScene(
  sources: readonly SourceFace[],
  [width, height]: readonly [number, number],
  photos: number,
  seed: number,
): Scene {
  return {
    name: `small faces, ${width} x ${height}`,
    *photos() {
      for (let i = 0; i < photos; i++) {
        const stream = new RandomStream(seed, 'small', width, i)
        const picture = background(sources, width, height, stream)
        const cells = stream.permutation(24)
        const places = smallWidths.flatMap((faceWidth, j) =>
          Array.from({ length: smallFaces }, (_, n) => {
            const cell = cells[j * smallFaces + n]!
            const source = sources[stream.integer(sources.length)]!
            const middle = {
              x: ((cell % 6) + 0.25 + 0.5 * stream.uniform()) * (width / 6),
              y: (Math.floor(cell / 6) + 0.25 + 0.5 * stream.uniform()) * (height / 4),
            }
            const side = (faceWidth / source.box.width) * Math.sqrt(source.box.width * source.box.height)
            return drawFace(picture, source, placing(source, middle, side, 20 * (stream.uniform() - 0.5)))
          }),
        )
        yield { name: `small-${width}-${i}`, picture, places }
      }
    },
  }
}

/** Sides of the border by which half a face is cut. */
export const borders = ['left', 'right', 'top', 'bottom'] as const

/** Half a face at one side of the border. */
export function borderScene(
  sources: readonly SourceFace[],
  border: (typeof borders)[number],
  count: number,
  seed: number,
): Scene {
  return {
    name: `half a face, ${border}`,
    *photos() {
      for (let i = 0; i < count; i++) {
        const stream = new RandomStream(seed, 'border', border, i)
        const [width, height] = [640, 480]
        const picture = background(sources, width, height, stream)
        const source = sources[i % sources.length]!
        const along = 0.2 + 0.6 * stream.uniform()
        const middle = {
          left: { x: 0, y: along * height },
          right: { x: width, y: along * height },
          top: { x: along * width, y: 0 },
          bottom: { x: along * width, y: height },
        }[border]
        const place = drawFace(picture, source, placing(source, middle, 60 + 120 * stream.uniform(), 0))
        yield { name: `${border}-${i}`, picture, places: [place] }
      }
    },
  }
}

/** A face whose box fills a share of the picture's width or height, whichever it reaches first. */
export function closeScene(sources: readonly SourceFace[], share: number, count: number, seed: number): Scene {
  return {
    name: `face filling ${Math.round(100 * share)} %`,
    *photos() {
      for (let i = 0; i < count; i++) {
        const stream = new RandomStream(seed, 'close', share, i)
        const source = sources[i % sources.length]!
        const [width, height] = i % 2 === 0 ? [480, 480] : [900, 1200]
        const scale = share * Math.min(width / source.box.width, height / source.box.height)
        const side = scale * Math.sqrt(source.box.width * source.box.height)
        const middle = {
          x: width / 2 + (1 - share) * width * (stream.uniform() - 0.5),
          y: height / 2 + (1 - share) * height * (stream.uniform() - 0.5),
        }
        const { picture, place } = cut(source, placing(source, middle, side, 0), width, height)
        yield { name: `close-${share}-${i}`, picture, places: [place] }
      }
    },
  }
}

/** Pictures as they are, but dark. */
export function darkScene(sources: readonly SourceFace[], group: string): Scene {
  return {
    name: `brightness ${brightness}, ${group}`,
    *photos() {
      for (const [i, source] of sources.entries())
        yield { name: `dark-${group}-${i}`, picture: darken(source.picture, brightness), places: [source] }
    },
  }
}

/** Pictures without their faces, some enlarged, and other pictures without people. */
export function emptyScene(
  sources: readonly SourceFace[],
  others: readonly Image[],
  count: number,
  seed: number,
): Scene {
  return {
    name: 'no people',
    async *photos() {
      for (let i = 0; i < count; i++) {
        const source = sources[i % sources.length]!
        const picture = paintOver(source.picture, [source])
        const scale = 1 + 3 * new RandomStream(seed, 'empty', i).uniform()
        yield {
          name: `painted-${i}`,
          picture: await resizeImage(picture, Math.round(picture.width * scale), Math.round(picture.height * scale)),
          places: [],
        }
      }
      for (const [i, picture] of others.entries()) yield { name: `other-${i}`, picture, places: [] }
    },
  }
}

/** Pictures of one person each as they are; those in which the other detector sees no face, nothing is known of. */
export function portraitScene(paths: readonly string[]): Scene {
  return {
    name: 'upright portraits',
    async *photos() {
      for (const path of paths) {
        const picture = await readImage(path)
        const place = await placeIn(picture)
        if (place) yield { name: basename(path), picture, places: [place] }
      }
    },
  }
}
