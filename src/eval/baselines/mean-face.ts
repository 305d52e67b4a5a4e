import { baseline, type Method } from '../methods/method.ts'

/** Every face becomes the mean of all faces that are evaluated, its own among them. */
export function meanFace(): Method {
  const method = baseline('mean-face', { method: 'mean-face' }, async faces => {
    const { size } = faces.store
    const sum = new Float64Array(size * size * 3)
    for (const index of faces.indices)
      for (const [i, value] of (await faces.store.bytes([index])).entries()) sum[i]! += value
    const data = Uint8Array.from(sum, value => Math.round(value / faces.indices.length))
    return () => ({ width: size, height: size, data })
  })
  return { ...method, ofAllFaces: true }
}
