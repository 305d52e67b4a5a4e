/**
 * Times one search in a process of its own. Arguments: the backend and the photo's megapixels. Prints a line of JSON: seconds of
 * the first search, networks loaded, and of the second, and the most memory held.
 */
import { join } from 'node:path'
import { releaseBackend, useBackend } from '../../src/backend/index.ts'
import { detectFaces } from '../../src/faces/detect.ts'
import { readImage, resizeImage } from '../../src/images/codec.ts'
import { packageFolder } from '../../src/util/paths.ts'
import { peakMemory } from '../peak-memory.ts'

const [backend, megapixels] = process.argv.slice(2)
await useBackend(backend)
const sample = await readImage(join(packageFolder('@vladmandic/face-api'), 'demo', 'sample5.jpg'))
const scale = Math.sqrt((1e6 * Number(megapixels)) / (sample.width * sample.height))
const photo = await resizeImage(sample, Math.round(scale * sample.width), Math.round(scale * sample.height))
await detectFaces(await resizeImage(sample, 64, 48))

async function search(): Promise<number> {
  const started = performance.now()
  await detectFaces(photo)
  return (performance.now() - started) / 1000
}
const [first, second] = [await search(), await search()]
console.log(JSON.stringify({ first, second, memory: peakMemory('self') }))
await releaseBackend()
