/** What the examples take from their command lines, and where they write. */
import { mkdirSync } from 'node:fs'
import { type Image, readImage } from 'diff-privacy'

/** Where results go. */
export const results = 'runs/examples'
mkdirSync(results, { recursive: true })

const given = process.argv.slice(2)

/** Settings of the command line: arguments with an '='. */
export const settings = given.filter(argument => argument.includes('='))

/** The path that is named, or else `otherwise`. */
export const pathOr = (otherwise: string) => given.find(argument => !argument.includes('=')) ?? otherwise

/** The value of a setting that is no recipe's, which is taken out of `settings`. */
export function own(name: string, otherwise: number): number {
  const at = settings.findIndex(setting => setting.startsWith(`${name}=`))
  return at < 0 ? otherwise : Number(settings.splice(at, 1)[0]!.slice(name.length + 1))
}

const sample = 'node_modules/@vladmandic/face-api/demo/sample1.jpg'

/** The photo that is named, or one person of a sample photo that comes with a package. */
export async function examplePhoto(): Promise<Image> {
  const path = pathOr(sample)
  const photo = await readImage(path)
  return path === sample ? cut(photo, 200, 150, 600, 640) : photo
}

function cut({ width, data }: Image, left: number, top: number, w: number, h: number): Image {
  const part = new Uint8Array(3 * w * h)
  for (let y = 0; y < h; y++) {
    const from = 3 * ((top + y) * width + left)
    part.set(data.subarray(from, from + 3 * w), 3 * y * w)
  }
  return { width: w, height: h, data: part }
}
