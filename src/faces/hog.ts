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
    const cells = cellSums(pixels)
    const energy = tf.sum(tf.square(cells), 3, true) as tf.Tensor4D
    return tf.div(cells, tf.sqrt(tf.add(neighbourSums(energy), floor))) as tf.Tensor4D
  })
}

/** Sums over cells: [n, h, w, c] -> [n, h / 4, w / 4, c]. Pooling has no gradient on every backend. */
function cellSums(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = x.shape
  const rows = tf.sum(tf.reshape(x, [(n * h) / hogCell, hogCell, w, c]), 1)
  const cells = tf.sum(tf.reshape(rows, [(n * h) / hogCell, w / hogCell, hogCell, c]), 2)
  return tf.reshape(cells, [n, h / hogCell, w / hogCell, c])
}

/** Sums over 3 x 3 cells, what lies beyond the edge being nothing: [n, h, w, 1] -> [n, h, w, 1]. */
function neighbourSums(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w] = x.shape
  const padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]) // biome-ignore format: one line
  const rows = tf.addN([0, 1, 2].map(i => tf.slice(padded, [0, i, 0, 0], [n, h, w + 2, 1])))
  return tf.addN([0, 1, 2].map(j => tf.slice(rows, [0, 0, j, 0], [n, h, w, 1]))) as tf.Tensor4D
}
