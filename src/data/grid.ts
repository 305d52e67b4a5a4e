import * as tf from '@tensorflow/tfjs'
import { fromTensor, type Image } from './image.ts'

/** [rows, columns, h, w, 3] in [-1, 1] as one picture, rows below one another. */
export async function gridImage(grid: tf.Tensor5D): Promise<Image> {
  const [rows, columns, h, w, c] = grid.shape
  const sheet = tf.tidy(
    () => tf.reshape(tf.transpose(grid, [0, 2, 1, 3, 4]), [1, rows * h, columns * w, c]) as tf.Tensor4D,
  )
  const [image] = await fromTensor(sheet)
  sheet.dispose()
  return image!
}
