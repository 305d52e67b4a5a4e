import { blazeFacePath, detectBlaze } from '../../faces/blazeface.ts'
import { frameOf, repeatEdge } from '../../faces/frame.ts'
import { checksumOf } from './checksum.ts'
import type { PictureFeature } from './feature.ts'

/** Scores of the faces that BlazeFace finds, surest first, on the picture framed as for `foundFaces`. */
export const blazeFaces: PictureFeature = {
  name: 'blaze-faces',
  of: 'picture',
  load: async () => ({
    checksum: await checksumOf([blazeFacePath().replace(/json$/, 'bin')]),
    compute: async pictures => {
      const rows: Float32Array[] = []
      for (const picture of pictures) {
        const found = await detectBlaze(repeatEdge(picture, frameOf(picture)))
        rows.push(Float32Array.from(found, ({ score }) => score))
      }
      return rows
    },
  }),
}
