import { blazeFacePath, detectBlaze } from '../../faces/blazeface.ts'
import type { Box } from '../../faces/box.ts'
import { frameOf, repeatEdge } from '../../faces/frame.ts'
import { checksumOf } from './checksum.ts'
import type { PictureFeature } from './feature.ts'

/** Scores and boxes of the faces that BlazeFace finds, surest first, on the picture framed as for `foundFaces`. */
export const blazeFaces: PictureFeature = {
  name: 'blaze-faces',
  of: 'picture',
  load: async () => ({
    checksum: await checksumOf([blazeFacePath().replace(/json$/, 'bin')], 'boxes'),
    compute: async pictures => {
      const rows: Float32Array[] = []
      for (const picture of pictures) {
        const margin = frameOf(picture)
        const found = await detectBlaze(repeatEdge(picture, margin))
        rows.push(
          Float32Array.from(
            found.flatMap(({ score, box }) => [score, box.x - margin, box.y - margin, box.width, box.height]),
          ),
        )
      }
      return rows
    },
  }),
}

/** The faces in a row of scores and boxes. */
export function readBoxes(row: Float32Array): { readonly score: number; readonly box: Box }[] {
  return Array.from({ length: row.length / 5 }, (_, i) => {
    const [score, x, y, width, height] = row.subarray(5 * i, 5 * i + 5) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ]
    return { score, box: { x, y, width, height } }
  })
}
