/** Histograms of oriented gradients (Dalal and Triggs, CVPR 2005): where edges of which direction are, whatever the contrast. */
import * as tf from '@tensorflow/tfjs'

/** Pixels of a cell's side, and directions told apart. */
export const hogCell = 4
export const hogBins = 8
/** Added to a block's energy: flat regions stay flat. */
const floor = 0.05

/**
 * Histograms of cells of 4 x 4 pixels over 8 signed directions, each normalised by its neighbourhood of 3 x 3 cells. Directions
 * share a gradient by the square of its cosine, which stays differentiable.
 * @param x luminance [n, h, w] in 0..1, sides divisible by 4
 * @returns [n, h / 4, w / 4, 8]
 */
export function hog(x: tf.Tensor3D): tf.Tensor4D {
  return tf.tidy(() => {
    const [n, h, w] = x.shape
    const central = (axis: 1 | 2) => {
      const inner = (from: number) =>
        axis === 1 ? tf.slice(x, [0, from, 0], [n, h - 2, w]) : tf.slice(x, [0, 0, from], [n, h, w - 2])
      const padding: [number, number][] = [[0, 0], [0, 0], [0, 0]] // biome-ignore format: one line
      padding[axis] = [1, 1]
      return tf.pad(tf.sub(inner(2), inner(0)), padding)
    }
    const [dx, dy] = [central(2), central(1)]
    const length = tf.add(tf.sqrt(tf.add(tf.add(tf.square(dx), tf.square(dy)), 1e-12)), 1e-4)
    const directions = Array.from({ length: hogBins }, (_, bin) => {
      const angle = (2 * Math.PI * bin) / hogBins
      const along = tf.relu(tf.add(tf.mul(dx, Math.cos(angle)), tf.mul(dy, Math.sin(angle))))
      return tf.div(tf.square(along), length)
    })
    const pixels = tf.stack(directions, 3) as tf.Tensor4D
    const cells = tf.mul(tf.avgPool(pixels, hogCell, hogCell, 'valid'), hogCell ** 2) as tf.Tensor4D
    const energy = tf.sum(tf.square(cells), 3, true) as tf.Tensor4D
    // Cells beyond the edge count as nothing.
    const blocks = tf.mul(tf.avgPool(tf.pad(energy, [[0, 0], [1, 1], [1, 1], [0, 0]]) as tf.Tensor4D, 3, 1, 'valid'), 9) // biome-ignore format: one line
    return tf.div(cells, tf.sqrt(tf.add(blocks, floor))) as tf.Tensor4D
  })
}
